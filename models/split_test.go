package models

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluice/internal/fault"
	"sluice/internal/tensor"
	"sluice/internal/unit"
)

// splits says where the buckets of requests without a version go, as "1" or "1 then 2 below 500".
func (r *rolled) splits(after, want string) {
	r.t.Helper()
	live, err := r.Acquire("m", "")
	if err != nil {
		r.t.Fatal(err)
	}
	defer live.Release()
	got := live.Version
	for bucket := range unit.Buckets {
		buckets, canary := live.Split(bucket)
		if (canary != nil) != (bucket < buckets) {
			r.t.Fatalf("after %s: bucket %d of %d has %v", after, bucket, buckets, canary)
		}
		if canary != nil && bucket == buckets-1 {
			got += fmt.Sprintf(", %s below %d", canary.Version, buckets)
		}
		if canary != nil {
			canary.Release()
		}
	}
	if _, canary := live.Split(-1); canary != nil {
		r.t.Errorf("after %s: no unit went to the canary", after)
	}
	if got != want {
		r.t.Errorf("after %s: the units go to %s, want %s", after, got, want)
	}
}

func TestCanary(t *testing.T) {
	rolledBubble(t, PromoteManual, func(r *rolled) {
		ctx, me := context.Background(), By{Who: "alice"}
		r.comes("2", 2)
		r.splits("the start", "1")
		r.must(r.Canary(ctx, "m", "2", 0.01, me))
		r.want("a canary", "1 READY live, 2 READY canary 0.01")
		r.splits("a canary", "1, 2 below 100")
		r.must(r.Canary(ctx, "m", "2", 0.25, me))
		r.splits("a larger share", "1, 2 below 2500")

		r.must(r.Promote(ctx, "m", "2", me))
		r.want("its promotion", "1 READY previous, 2 READY live")
		r.splits("its promotion", "2")

		r.must(r.Canary(ctx, "m", "1", 1, me))
		r.splits("the previous version as the canary of all units", "2, 1 below 10000")
		r.must(r.Canary(ctx, "m", "", 0, me))
		r.want("its end", "1 READY previous, 2 READY live")
		r.must(r.Canary(ctx, "m", "1", 0.5, me))
		r.must(r.Rollback(ctx, "m", me))
		r.want("the way back from the previous version as a canary", "1 UNLOADED rejected, 2 READY live")
		r.must(r.Promote(ctx, "m", "1", me))
		r.must(r.Promote(ctx, "m", "2", me))

		r.comes("3", 3)
		r.must(r.Canary(ctx, "m", "3", 0.05, me))
		r.must(r.Rollback(ctx, "m", me))
		r.want("the way back from a canary", "1 READY previous, 2 READY live, 3 UNLOADED rejected")
		r.splits("the way back from a canary", "2")
		r.must(r.Canary(ctx, "m", "3", 0.05, me))
		r.want("what was rejected as a canary", "1 READY previous, 2 READY live, 3 READY canary 0.05")
		r.must(r.Reject("m", "3", me))
		r.want("its rejection", "1 READY previous, 2 READY live, 3 UNLOADED rejected")

		entries, err := r.Roles().History("m", 4)
		r.must(err)
		var got []string
		for _, e := range entries {
			got = append(got, fmt.Sprint(e.Action, " ", e.Version, " from ", e.From, " share ", e.Share, " ", e.Reason))
		}
		if want := []string{
			"reject 3 from 2 share 0 ends the canary", "canary 3 from 2 share 0.05 lifts the rejection",
			"rollback 2 from 3 share 0 ends the canary", "canary 3 from 2 share 0.05 ",
		}; strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("the history is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

// A newer version waits while there is a canary, and takes its place by itself afterwards.
func TestNewestWaitsForTheCanary(t *testing.T) {
	rolledBubble(t, PromoteNewest, func(r *rolled) {
		ctx, me := context.Background(), By{Who: "alice"}
		r.comes("2", 2)
		r.must(r.Canary(ctx, "m", "1", 0.5, me))
		r.comes("3", 3)
		r.want("a newer version beside a canary", "1 READY canary 0.5, 2 READY live, 3 READY candidate")
		r.splits("a newer version beside a canary", "2, 1 below 5000")
		r.must(r.Canary(ctx, "m", "1", 0, me))
		r.must(r.Load(ctx, "m"))
		r.want("the end of the canary", "1 UNLOADED, 2 READY previous, 3 READY live")
	})
}

// Without its folder a canary has no share, and the live version answers all.
func TestCanaryGoesAway(t *testing.T) {
	rolledBubble(t, PromoteManual, func(r *rolled) {
		ctx, me := context.Background(), By{Who: "alice"}
		r.comes("2", 2)
		r.must(r.Canary(ctx, "m", "2", 0.5, me))
		r.must(os.RemoveAll(filepath.Join(r.dir, "m/2")))
		r.must(r.Load(ctx, "m"))
		r.want("the canary's folder is gone", "1 READY live")
		r.splits("the canary's folder is gone", "1")
		r.comes("2", 2)
		r.want("it is there again", "1 READY live, 2 READY canary 0.5")
		r.splits("it is there again", "1, 2 below 5000")
		r.must(os.RemoveAll(filepath.Join(r.dir, "m/2")))
		r.must(r.Load(ctx, "m"))
		r.comes("2", 7)
		r.want("other files are in its place", "1 READY live, 2 READY candidate")
		r.splits("other files are in its place", "1")
	})
}

func TestWhatNoCanaryIs(t *testing.T) {
	rolledBubble(t, PromoteManual, func(r *rolled) {
		ctx, me := context.Background(), By{Who: "alice"}
		r.put(t, "m/2", fakeFile{Factor: 2, Labels: true})
		r.must(r.Load(ctx, "m"))
		f := func(version string, share float64, kind fault.Kind, why string) {
			t.Helper()
			if err := r.Canary(ctx, "m", version, share, me); !fault.Is(err, kind) || !strings.Contains(err.Error(), why) {
				t.Errorf("canary %s with %v: %v, want %q", version, share, err, why)
			}
		}
		f("2", 0.1, fault.Conflict, "clients could tell it from version 1: ")
		f("1", 0.1, fault.Conflict, "it is live")
		f("3", 0.1, fault.VersionNotFound, "'m' has no version 3")
		f("2", 1.5, fault.InvalidParameter, "the share is 1.5; it is from 0 to 1, in steps of 0.0001")
		f("2", 0.00001, fault.InvalidParameter, "in steps of 0.0001")
		f("2", 0, fault.Conflict, "'m' has no canary that could be ended with version 2")
		f("", 0, fault.Conflict, "'m' has no canary that could be ended")
		r.splits("all of this", "1")
	})
}

func TestCanaryTakesWhatTheLiveVersionTakes(t *testing.T) {
	live := &tensor.Schema{MaxBatch: 8, MaxRows: 64, Lengths: &tensor.Lengths{Axes: []tensor.Axis{{Name: "seq", Most: 128}}}}
	f := func(rows int, most int64, want string) {
		t.Helper()
		canary := &tensor.Schema{MaxBatch: 8, MaxRows: rows, Lengths: &tensor.Lengths{Axes: []tensor.Axis{{Name: "seq", Most: most}}}}
		if got := apart(live, canary); got != want {
			t.Errorf("%d rows of %d: %q, want %q", rows, most, got, want)
		}
	}
	f(64, 128, "")
	f(128, 256, "")
	f(64, 0, "")
	f(32, 128, "its limit of rows a request (max_rows) is 32, and that of the live version 64 (0 is none)")
	f(64, 64, "its limit of axis seq (max_length) is 64, and that of the live version 128 (0 is none)")
}

// The way back from a canary is the live version, and from any other the one that was live before.
func TestWayBack(t *testing.T) {
	rolledBubble(t, PromoteManual, func(r *rolled) {
		ctx, me := context.Background(), By{Who: "alice"}
		f := func(of, want string) {
			t.Helper()
			v, err := r.Acquire("m", of)
			r.must(err)
			defer v.Release()
			back, err := r.WayBack(v)
			got := ""
			if err == nil {
				got = back.Version
				back.Release()
			} else if !fault.Is(err, fault.ModelNotReady) {
				t.Error(err)
			}
			if got != want {
				t.Errorf("the way back from %s is %q, want %q", of, got, want)
			}
		}
		f("1", "")
		r.comes("2", 2)
		f("2", "")
		r.must(r.Promote(ctx, "m", "1", me))
		r.must(r.Promote(ctx, "m", "2", me))
		f("2", "1")
		f("1", "")
		r.comes("3", 3)
		f("3", "1")
		r.must(r.Canary(ctx, "m", "3", 0.5, me))
		f("3", "2")
		f("2", "1")
		r.must(r.Canary(ctx, "m", "3", 0, me))
		f("3", "1")
		v, err := r.Acquire("m", "2")
		r.must(err)
		defer v.Release()
		v.Name = "gone"
		if _, err := r.WayBack(v); !fault.Is(err, fault.ModelNotReady) {
			t.Errorf("the way back of a model that is gone: %v", err)
		}
		v.Name = "m"
	})
}
