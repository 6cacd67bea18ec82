package serve

import (
	"fmt"
	"strings"
	"testing"

	"sluice/models"
	"sluice/models/roles"
)

// What has a role and is not there is listed with a state that says so, and what is mirrored to another model's version on both sides.
func TestVersionsWithRolesElsewhere(t *testing.T) {
	ref := func(version string) roles.Ref { return roles.Ref{Version: version, Digest: "d" + version} }
	live := ref("1")
	f := func(what string, m roles.Model, index []models.Status, want ...string) {
		t.Helper()
		m.Live = &live
		state := &roles.State{Models: map[string]roles.Model{"m": m}}
		all := listed(state, index)
		var got []string
		for _, v := range all {
			line := strings.TrimSpace(fmt.Sprint(v.Model, ":", v.Version, " ", v.State, " ", v.Role))
			if v.Share > 0 {
				line += fmt.Sprint(" ", v.Share)
			}
			if v.State == stateGone && !strings.HasPrefix(v.Reason, "its files are gone or others now; it stays ") {
				line += ": " + v.Reason
			}
			if len(v.ShadowOf) > 0 {
				line += fmt.Sprint(" of ", v.ShadowOf)
			}
			if len(v.ShadowedBy) > 0 {
				line += fmt.Sprint(" by ", v.ShadowedBy)
			}
			got = append(got, line)
		}
		if strings.Join(got, "; ") != strings.Join(want, "; ") {
			t.Errorf("%s:\ngot  %s\nwant %s", what, strings.Join(got, "; "), strings.Join(want, "; "))
		}
	}
	status := func(model, version, digest string, role models.Role) models.Status {
		return models.Status{Name: model, Version: version, Digest: digest, State: models.Ready, Role: role}
	}
	m1, m2 := status("m", "1", "d1", models.RoleLive), status("m", "2", "d2", models.RoleShadow)
	n2, a2 := status("n", "2", "d2", models.RoleCandidate), status("a", "2", "d2", models.RoleCandidate)
	f("none", roles.Model{}, []models.Status{m1}, "m:1 READY live")
	f("a shadow", roles.Model{Shadow: []roles.Ref{ref("2")}}, []models.Status{m1, m2}, "m:1 READY live", "m:2 READY shadow")
	f("its files are gone", roles.Model{Shadow: []roles.Ref{ref("2")}}, []models.Status{m1}, "m:2 GONE shadow", "m:1 READY live")
	f("its files are others", roles.Model{Shadow: []roles.Ref{ref("2")}}, []models.Status{m1, status("m", "2", "d9", models.RoleCandidate)}, "m:2 GONE shadow", "m:1 READY live", "m:2 READY candidate")
	f("its files have not been read", roles.Model{Shadow: []roles.Ref{ref("2")}}, []models.Status{m1, status("m", "2", "", models.RoleShadow)}, "m:1 READY live", "m:2 READY shadow")
	f("a canary that is a shadow, too", roles.Model{Canary: &roles.Canary{Ref: ref("2"), Share: 0.1}, Shadow: []roles.Ref{ref("2")}}, []models.Status{m1}, "m:2 GONE canary 0.1", "m:1 READY live")
	others := roles.Model{Others: []roles.Named{{Model: "n", Ref: ref("2")}}}
	f("of another model", others, []models.Status{m1, n2}, "m:1 READY live by [n:2]", "n:2 READY candidate of [m]")
	f("another model's is gone", others, []models.Status{m1}, "m:1 READY live by [n:2]", "n:2 GONE of [m]")
	f("another model's are others", others, []models.Status{m1, status("n", "2", "d9", models.RoleLive)}, "m:1 READY live by [n:2]", "n:2 GONE of [m]", "n:2 READY live")
	f("a model before it", roles.Model{Others: []roles.Named{{Model: "a", Ref: ref("2")}, {Model: "n", Ref: ref("2")}}}, []models.Status{a2, m1, n2}, "a:2 READY candidate of [m]", "m:1 READY live by [a:2 n:2]", "n:2 READY candidate of [m]")
	f("the model itself is not there", others, []models.Status{n2}, "n:2 READY candidate")
}
