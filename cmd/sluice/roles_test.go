package main

import (
	"strings"
	"testing"

	"sluice/gateway/http/admin"
)

// The list says on both sides that a version of another model is a shadow.
func TestListOfVersions(t *testing.T) {
	f := func(v admin.Version, want string) {
		t.Helper()
		var out strings.Builder
		v.Model, v.Version, v.State = "m", "1", "READY"
		if err := printVersions(&out, []admin.Version{v}); err != nil {
			t.Fatal(err)
		}
		_, line, _ := strings.Cut(out.String(), "\n")
		if got := strings.Join(strings.Fields(line), " "); got != "m 1 READY "+want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	f(admin.Version{}, "- -")
	f(admin.Version{Role: "canary", Share: 0.05}, "canary 5% -")
	f(admin.Version{Role: "live", Held: true, ShadowedBy: []string{"n:2", "o:1"}}, "live, held, shadowed by n:2 and o:1 -")
	f(admin.Version{Role: "candidate", ShadowOf: []string{"n", "o"}}, "candidate, shadow of n and o -")
	f(admin.Version{ShadowOf: []string{"n"}, Reason: "why"}, "shadow of n - why")
}
