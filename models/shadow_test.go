package models

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"sluice/internal/fault"
)

// mirrors are the pairs to compare, in words.
func (r *rolled) mirrors(after, want string) {
	r.t.Helper()
	var all []string
	for _, s := range r.Shadows() {
		of := ""
		if s.Of != "" {
			of = s.Of + ":"
		}
		all = append(all, fmt.Sprintf("%s: %s%s with %s", s.Model, of, s.Candidate.Version, s.Primary.Version))
	}
	if got := strings.Join(all, ", "); got != want {
		r.t.Errorf("after %s: %q, want %q", after, got, want)
	}
}

func TestShadow(t *testing.T) {
	rolledBubble(t, PromoteManual, func(r *rolled) {
		ctx, me := context.Background(), By{Who: "alice"}
		r.comes("2", 2)
		r.comes("3", 3)
		r.mirrors("the start", "")
		r.must(r.Shadow(ctx, "m", "2", true, me))
		r.must(r.Shadow(ctx, "m", "3", true, me))
		r.must(r.Shadow(ctx, "m", "3", true, me)) // once more is the same
		r.mirrors("two begin", "m: 2 with 1, m: 3 with 1")
		r.must(r.Canary(ctx, "m", "3", 0.1, me))
		r.mirrors("a canary", "m: 2 with 1, m: 3 with 1")
		r.must(r.Promote(ctx, "m", "3", me))
		r.mirrors("a promotion", "m: 2 with 3")
		r.must(r.Reject("m", "2", me))
		r.mirrors("a rejection", "")
		r.must(r.Shadow(ctx, "m", "2", true, me))
		r.mirrors("it begins again", "m: 2 with 3")
		r.must(r.Shadow(ctx, "m", "2", false, me))
		r.mirrors("its end", "")
		entries, err := r.Roles().History("m", 2)
		r.must(err)
		var got []string
		for _, e := range entries {
			got = append(got, fmt.Sprint(e.Action, " ", e.Version, " from ", e.From, " ", e.Reason))
		}
		if want := "shadow 2 from 3 ends the shadow; shadow 2 from 3 lifts the rejection"; strings.Join(got, "; ") != want {
			t.Errorf("the history is %s; want %s", strings.Join(got, "; "), want)
		}
		f := func(version string, on bool, kind fault.Kind, why string) {
			t.Helper()
			if err := r.Shadow(ctx, "m", version, on, me); !fault.Is(err, kind) || !strings.Contains(err.Error(), why) {
				t.Errorf("shadow %s, %v: %v, want %q", version, on, err, why)
			}
		}
		r.put(t, "m/4", fakeFile{Factor: 2, Labels: true})
		r.must(r.Load(ctx, "m"))
		f("4", true, fault.Conflict, "it cannot be compared with version 3: ")
		f("3", true, fault.Conflict, "it is live")
		f("9", true, fault.VersionNotFound, "'m' has no version 9")
		f("2", false, fault.Conflict, "is no shadow that could be ended")
	})
}

// A shadow is not taken because it is the newest version, and is again once it is none.
func TestShadowStaysOne(t *testing.T) {
	rolledBubble(t, PromoteNewest, func(r *rolled) {
		ctx, me := context.Background(), By{Who: "alice"}
		r.must(r.Hold("m", me))
		r.comes("2", 2)
		r.must(r.Shadow(ctx, "m", "2", true, me))
		r.must(r.Release("m", me))
		r.want("the hold is lifted", "1 READY live, 2 READY shadow")
		r.mirrors("the hold is lifted", "m: 2 with 1")
		r.comes("3", 3)
		r.want("a newer one comes", "1 READY previous, 2 UNLOADED shadow, 3 READY live")
		r.mirrors("a newer one comes", "m: 2 with 3")
	})
}

// A rejected version that is tried once more is not live at the end of that.
func TestTriedAgain(t *testing.T) {
	rolledBubble(t, PromoteNewest, func(r *rolled) {
		ctx, me := context.Background(), By{Who: "alice"}
		r.comes("2", 2)
		r.must(r.Rollback(ctx, "m", me))
		r.want("it is rejected", "1 READY live, 2 UNLOADED rejected")
		r.must(r.Shadow(ctx, "m", "2", true, me))
		r.must(r.Shadow(ctx, "m", "2", false, me))
		r.want("the shadow ends", "1 READY live, 2 UNLOADED")
		r.must(r.Reject("m", "2", me))
		r.must(r.Canary(ctx, "m", "2", 0.1, me))
		r.must(r.Canary(ctx, "m", "2", 0, me))
		r.want("the canary ends", "1 READY live, 2 UNLOADED")
		r.comes("3", 3)
		r.want("a newer one comes", "1 READY previous, 2 UNLOADED, 3 READY live")
	})
}
