package arch

import (
	"fmt"
	"slices"
	"strings"
)

type floor int

const (
	noFloor floor = iota
	leaf
	settings // config: imports two leaves of the module, and is imported by the joiner and commands alone
	stage
	joiner
	command
)

func floorOf(dir string) floor {
	switch top, _, _ := strings.Cut(dir, "/"); {
	case top == "internal":
		return leaf
	case top == "config":
		return settings
	case within(dir, stages):
		return stage
	case within(dir, joiners):
		return joiner
	case within(dir, commands):
		return command
	default:
		return noFloor
	}
}

// checkImports holds one package's direct imports against the floors and the
// reserved libraries. Direct is enough: a chain breaks the rule at one of its links.
func (g *graph) checkImports(dir string, p Package) []string {
	var faults []string
	if floorOf(dir) == noFloor {
		faults = append(faults, fmt.Sprintf("%s stands on no floor: name it in internal/arch", dir))
	}
	for _, path := range p.Imports {
		if slices.Contains(neutral[dir], path) {
			faults = append(faults, fmt.Sprintf("%s imports %s: it knows no protocol of transport; a front end below it does", dir, path))
		}
		if to, own := ownDir(path); own {
			if reason := refuse(dir, to); reason != "" {
				faults = append(faults, fmt.Sprintf("%s imports %s: %s", dir, to, reason))
			}
			continue
		}
		for library, owners := range reserved {
			if within(path, []string{library}) && !within(dir, owners) {
				faults = append(faults, fmt.Sprintf("%s imports %s, which is reserved for %s", dir, path, listText(owners, "tests")))
			}
		}
	}
	return faults
}

// refuse says why one package of the module must not import another; "" if it may.
func refuse(from, to string) string {
	a, b := floorOf(from), floorOf(to)
	switch {
	case b == command && a != command:
		return "nothing imports a command"
	case b == settings && a != command && a != joiner && a != settings:
		return "only serve and commands import config; take a small Options instead"
	case a == leaf && b != leaf:
		return "a leaf knows nothing above it"
	case lowest[from] != nil && !within(to, lowest[from]):
		return "it stands below the other leaves, and may import " + listText(lowest[from], "none of them")
	case a == settings && to != "internal/near" && to != "internal/prescan":
		return "config imports no other package of the module, but internal/near and internal/prescan"
	case a == stage && b == joiner:
		return "serve joins the stages, which do not know it"
	case above(from, to):
		return "a lower layer knows nothing of a higher one"
	case a == stage && b == stage && topOf(from) != topOf(to) && !slices.Contains(arrows[topOf(from)], to):
		return "stages do not know each other; declare the interface that is needed"
	default:
		return ""
	}
}

// above tells whether one package is a higher layer than another of the same list.
func above(from, to string) bool {
	return slices.ContainsFunc(layers, func(layer []string) bool {
		at := slices.Index(layer, from)
		return at >= 0 && slices.Index(layer, to) > at
	})
}

func topOf(dir string) string {
	top, _, _ := strings.Cut(dir, "/")
	return top
}

func listText(dirs []string, none string) string {
	if len(dirs) == 0 {
		return none
	}
	return strings.Join(dirs, ", ")
}
