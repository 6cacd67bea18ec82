package models

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluice/internal/fault"
)

// otherComes puts a version of the model n into the folder and waits until it is proven.
func (r *rolled) otherComes(version string, f fakeFile) {
	r.t.Helper()
	r.put(r.t, "n/"+version, f)
	r.must(r.Load(context.Background(), "n"))
}

// A version of another model is a shadow until that is ended, whatever becomes live, and keeps its roles in its own model.
func TestShadowOfAnotherModel(t *testing.T) {
	rolledBubble(t, PromoteManual, func(r *rolled) {
		ctx, me := context.Background(), By{Who: "alice"}
		r.otherComes("1", fakeFile{Factor: 7})
		r.otherComes("2", fakeFile{Factor: 8})
		r.comes("2", 2)
		table := "1 READY live, 2 READY candidate, 1 READY live, 2 READY candidate"
		r.must(r.Shadow(ctx, "m", "n:2", true, me))
		r.must(r.Shadow(ctx, "m", "n:2", true, me)) // once more is the same
		r.want("it begins", table)
		r.mirrors("it begins", "m: n:2 with 1")
		r.must(r.Shadow(ctx, "m", "n:1", true, me))
		r.must(r.Shadow(ctx, "m", "m:2", true, me)) // the model's own
		r.mirrors("two more", "m: 2 with 1, m: n:2 with 1, m: n:1 with 1")
		r.must(r.Promote(ctx, "m", "2", me))
		r.mirrors("a promotion", "m: n:2 with 2, m: n:1 with 2")
		r.must(r.Promote(ctx, "n", "2", me))
		r.mirrors("a promotion in its own model", "m: n:2 with 2, m: n:1 with 2")
		r.must(r.Shadow(ctx, "m", "n:1", false, me))
		r.must(r.Reject("n", "1", me))
		r.must(r.Shadow(ctx, "m", "n:1", true, me))
		r.want("a rejected one", "1 READY previous, 2 READY live, 1 UNLOADED rejected, 2 READY live")
		r.must(os.RemoveAll(filepath.Join(r.dir, "n/1")))
		r.must(r.Load(ctx, "n"))
		r.want("its folder goes away", "1 READY previous, 2 READY live, 2 READY live")
		r.mirrors("its folder goes away", "m: n:2 with 2, m: n:1 with 2")
		r.must(r.Shadow(ctx, "m", "n:1", false, By{Who: "alice", Reason: "it is gone"}))
		r.mirrors("it is ended", "m: n:2 with 2")

		entries, err := r.Roles().History("m", 3)
		r.must(err)
		var got []string
		for _, e := range entries {
			got = append(got, fmt.Sprint(e.Action, " ", e.Name(), " from ", e.From, " ", e.Reason))
		}
		if want := "shadow n:1 from 2 it is gone; ends the shadow, shadow n:1 from 2 , shadow n:1 from 2 ends the shadow"; strings.Join(got, ", ") != want {
			t.Errorf("the history is %s; want %s", strings.Join(got, ", "), want)
		}
	})
}

func TestShadowsOfOthersThatAreRefused(t *testing.T) {
	rolledBubble(t, PromoteManual, func(r *rolled) {
		ctx, me := context.Background(), By{Who: "alice"}
		r.otherComes("1", fakeFile{Factor: 7})
		r.otherComes("2", fakeFile{Factor: 7, Labels: true})
		f := func(model, version string, on bool, kind fault.Kind, why string) {
			t.Helper()
			if err := r.Shadow(ctx, model, version, on, me); !fault.Is(err, kind) || !strings.Contains(err.Error(), why) {
				t.Errorf("%s, shadow %s, %v: %v, want %q", model, version, on, err, why)
			}
		}
		f("m", "n:2", true, fault.Conflict, "cannot mirror requests of 'm' to version n:2: it cannot be compared with version 1: ")
		f("m", "n:3", true, fault.VersionNotFound, "'n' has no version 3; its versions: ")
		f("m", "n:1", false, fault.Conflict, "version n:1 is no shadow of 'm' that could be ended")
		f("m", "m:1", true, fault.Conflict, "cannot mirror requests of 'm' to version 1: it is live")
		f("m", "o:1", true, fault.ModelNotFound, "'o' is not found")
		f("o", "n:1", true, fault.ModelNotFound, "'o' is not found")
		for _, version := range []string{":", ":1", "n:", "m:"} {
			f("m", version, true, fault.InvalidParameter, fmt.Sprintf("the version %q is not as VERSION, or MODEL:VERSION of another model", version))
		}
		key := By{Who: "alice", Key: "once"}
		r.must(r.Shadow(ctx, "m", "n:1", true, key))
		r.must(r.Shadow(ctx, "m", "n:1", false, me))
		r.must(r.Shadow(ctx, "m", "n:1", true, key)) // the key was used
		r.mirrors("the same key", "")
		for n := range maxShadows {
			version := fmt.Sprint(10 + n)
			r.otherComes(version, fakeFile{Factor: float32(10 + n)})
			r.must(r.Shadow(ctx, "m", "n:"+version, true, me))
		}
		f("m", "n:1", true, fault.Conflict, "'m' has 8 shadows, which is the limit: end one first")
		r.comes("2", 2)
		f("m", "2", true, fault.Conflict, "'m' has 8 shadows, which is the limit: end one first")
		r.must(r.Shadow(ctx, "m", "n:10", true, me)) // it is one of them
	})
}
