package main

import (
	"testing"

	"sluice/gateway/http/admin"
)

func TestStanding(t *testing.T) {
	f := func(want string, all ...admin.Version) {
		t.Helper()
		if got := standing("m", all); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	live := admin.Version{Version: "2", Role: "live"}
	f("m: no version is live")
	f("m: version 2 is live", admin.Version{Version: "3", Role: "candidate"}, live)
	f("m: version 2 is live; version 1 was live before", admin.Version{Version: "1", Role: "previous"}, live)
	f("m: version 2 is live; version 3 has 0.5% of the units; version 4 is a shadow", live, admin.Version{Version: "3", Role: "canary", Share: 0.005}, admin.Version{Version: "4", Role: "shadow"})
	f("m: version 2 is live; version 1 is rejected", admin.Version{Version: "1", Role: "rejected"}, live)
	f("m: version 2 is live; versions 1, 3 and 4 are rejected", admin.Version{Version: "1", Role: "rejected"}, live, admin.Version{Version: "3", Role: "rejected"}, admin.Version{Version: "4", Role: "rejected"})
	f("m: version 2 is live and held; small:7 is a shadow", admin.Version{Version: "2", Role: "live", Held: true, ShadowedBy: []string{"small:7"}})
}
