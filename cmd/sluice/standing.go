package main

import (
	"fmt"
	"strings"

	"sluice/gateway/http/admin"
)

// standing says in a line what the versions of a model are for now: what is live first. Candidates are left out.
func standing(model string, all []admin.Version) string {
	var live, others, rejected []string
	for i := range all {
		v := &all[i]
		switch v.Role {
		case "live":
			text := fmt.Sprintf("version %s is live", v.Version)
			if v.Held {
				text += " and held"
			}
			live = append(live, text)
		case "canary":
			others = append(others, fmt.Sprintf("version %s has %s of the units", v.Version, percent(v.Share)))
		case "shadow":
			others = append(others, fmt.Sprintf("version %s is a shadow", v.Version))
		case "previous":
			others = append(others, fmt.Sprintf("version %s was live before", v.Version))
		case "rejected":
			rejected = append(rejected, v.Version)
		}
		for _, of := range v.ShadowedBy {
			others = append(others, of+" is a shadow")
		}
	}
	if len(live) == 0 {
		live = []string{"no version is live"}
	}
	switch last := len(rejected) - 1; {
	case last == 0:
		others = append(others, fmt.Sprintf("version %s is rejected", rejected[0]))
	case last > 0:
		others = append(others, fmt.Sprintf("versions %s and %s are rejected", strings.Join(rejected[:last], ", "), rejected[last]))
	}
	return model + ": " + strings.Join(append(live, others...), "; ")
}
