package models

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice/internal/fault"
	"sluice/models/roles"
)

// roleTable prints the index with roles, as "1 READY previous, 2 READY live held".
func roleTable(r *Registry) string {
	var lines []string
	for _, s := range r.Index() {
		line := s.Version + " " + s.State.String()
		if s.Role != "" {
			line += " " + string(s.Role)
		}
		if s.Held {
			line += " held"
		}
		if s.Share > 0 {
			line += fmt.Sprint(" ", s.Share)
		}
		if s.Live != (s.Role == RoleLive) {
			line += " (serves: " + map[bool]string{true: "yes", false: "no"}[s.Live] + ")"
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, ", ")
}

// rolled is a world with a registry whose roles a test changes.
type rolled struct {
	*world
	*Registry
	t *testing.T
}

func (r *rolled) want(after, table string) {
	r.t.Helper()
	if err := r.Wait(context.Background()); err != nil {
		r.t.Fatal(err)
	}
	if got := roleTable(r.Registry); got != table {
		r.t.Errorf("after %s:\ngot  %s\nwant %s", after, got, table)
	}
}

// comes puts a version into the folder and waits until it is proven.
func (r *rolled) comes(version string, factor float32) {
	r.t.Helper()
	r.put(r.t, "m/"+version, fakeFile{Factor: factor})
	if err := r.Load(context.Background(), "m"); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rolled) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Error(err)
	}
}

func rolledBubble(t *testing.T, promote Promotion, f func(r *rolled)) {
	t.Helper()
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.put(t, "m/1", fakeFile{Factor: 1})
		opts := w.options()
		opts.Promote, opts.KeepPrevious = promote, true
		f(&rolled{w, w.start(t, opts), t})
	})
}

func TestNewestIsPromoted(t *testing.T) {
	rolledBubble(t, PromoteNewest, func(r *rolled) {
		ctx, me := context.Background(), By{Who: "alice"}
		r.want("the start", "1 READY live")
		r.comes("2", 2)
		r.want("a newer version", "1 READY previous, 2 READY live")
		r.must(r.Promote(ctx, "m", "1", me))
		r.must(r.Load(ctx, "m"))
		r.want("the promotion of the older one, and a look at the folder", "1 READY live, 2 READY previous")
		r.must(r.Promote(ctx, "m", "2", me))
		r.comes("3", 3)
		r.want("another", "1 UNLOADED, 2 READY previous, 3 READY live")

		r.must(r.Rollback(ctx, "m", me))
		r.want("the way back", "1 UNLOADED, 2 READY live, 3 UNLOADED rejected")
		r.comes("4", 4)
		r.want("a newer version", "1 UNLOADED, 2 READY previous, 3 UNLOADED rejected, 4 READY live")

		// The rejected files are scanned, touched, and come again: they stay rejected.
		now := time.Now().Add(time.Hour)
		r.must(os.Chtimes(filepath.Join(r.dir, "m/3/model.onnx"), now, now))
		r.must(os.RemoveAll(filepath.Join(r.dir, "m/4")))
		if err := r.Load(ctx, "m"); !fault.Is(err, fault.ModelLoadFailed) || !strings.Contains(err.Error(), "role: these files were rejected; sluice models promote m 3 serves them all the same") {
			t.Errorf("a load with the newest version rejected: %v", err)
		}
		r.want("its files were touched and the live folder is gone", "1 UNLOADED, 2 READY live, 3 FAILED rejected")

		r.must(r.Release("m", me))
		r.want("the release", "1 UNLOADED, 2 READY previous, 3 READY live")
	})
}

// What was rejected is its files: they stay so under another number, and they serve where they have a role.
func TestRejectedFilesOfAnotherVersion(t *testing.T) {
	rolledBubble(t, PromoteNewest, func(r *rolled) {
		ctx, me := context.Background(), By{Who: "alice"}
		r.comes("2", 2)
		r.must(r.Rollback(ctx, "m", me))
		r.put(t, "m/3", fakeFile{Factor: 2})
		if err := r.Load(ctx, "m"); !fault.Is(err, fault.ModelLoadFailed) || !strings.Contains(err.Error(), "role: these files were rejected; sluice models promote m 3 serves them all the same") {
			t.Errorf("a load of rejected files: %v", err)
		}
		r.want("rejected files came as a newer version", "1 READY live, 2 UNLOADED rejected, 3 FAILED rejected")
		r.must(r.Promote(ctx, "m", "3", me))
		r.want("their promotion", "1 READY previous, 2 UNLOADED, 3 READY live")
	})
	rolledBubble(t, PromoteNewest, func(r *rolled) {
		ctx, me := context.Background(), By{Who: "alice"}
		r.comes("2", 1)
		r.must(r.Rollback(ctx, "m", me))
		r.must(r.Unload(ctx, "m"))
		_ = r.Load(ctx, "m") // its newest version is rejected
		r.want("a way back between versions of the same files, and a load", "1 READY live, 2 UNLOADED rejected")
	})
}

// Who promotes an older version, and one older still, is not brought back to the newest; a newer one that comes is taken.
func TestPromotionOfOlderVersionsStays(t *testing.T) {
	rolledBubble(t, PromoteNewest, func(r *rolled) {
		ctx, me := context.Background(), By{Who: "alice"}
		r.comes("3", 3)
		r.comes("6", 6)
		r.must(r.Promote(ctx, "m", "3", me))
		r.must(r.Promote(ctx, "m", "1", me))
		r.must(r.Load(ctx, "m"))
		r.want("two promotions of older versions, and a look at the folder", "1 READY live, 3 READY previous, 6 UNLOADED")
		r.comes("5", 5)
		r.want("a version comes that is older than what was left", "1 READY live, 3 READY previous, 5 DISCOVERED, 6 UNLOADED")
		r.comes("7", 7)
		r.want("a newer one comes", "1 READY previous, 3 UNLOADED, 5 DISCOVERED, 6 UNLOADED, 7 READY live")
	})
	rolledBubble(t, PromoteNewest, func(r *rolled) {
		ctx, me := context.Background(), By{Who: "alice"}
		r.comes("3", 3)
		r.comes("6", 6)
		r.must(r.Promote(ctx, "m", "1", me))
		r.must(r.Promote(ctx, "m", "3", me))
		r.want("the promotion of an older version, and of one in between", "1 READY previous, 3 READY live, 6 UNLOADED")
		r.must(r.Release("m", me))
		r.want("the release", "1 UNLOADED, 3 READY previous, 6 READY live")
	})
}

func TestManualPromotion(t *testing.T) {
	rolledBubble(t, PromoteManual, func(r *rolled) {
		ctx, me := context.Background(), By{Who: "alice"}
		r.comes("2", 2)
		r.want("a newer version", "1 READY live, 2 READY candidate")
		r.must(r.Promote(ctx, "m", "2", me))
		r.want("its promotion", "1 READY previous, 2 READY live")
		r.comes("3", 3)
		r.want("a candidate", "1 READY previous, 2 READY live, 3 READY candidate")
		r.must(r.Reject("m", "3", me))
		r.want("its rejection", "1 READY previous, 2 READY live, 3 UNLOADED rejected")
		r.must(r.Promote(ctx, "m", "3", me))
		r.want("the promotion of what was rejected", "1 UNLOADED, 2 READY previous, 3 READY live")
		r.must(r.Rollback(ctx, "m", me))
		r.want("the way back", "1 UNLOADED, 2 READY live, 3 UNLOADED rejected")

		if err := r.Rollback(ctx, "m", me); !fault.Is(err, fault.Conflict) {
			t.Errorf("a second way back: %v", err)
		}
		if err := r.Reject("m", "2", me); !fault.Is(err, fault.Conflict) {
			t.Errorf("rejecting the live version: %v", err)
		}
		if err := r.Promote(ctx, "m", "9", me); !fault.Is(err, fault.VersionNotFound) {
			t.Errorf("promoting a version that is not there: %v", err)
		}
		if err := r.Hold("n", me); !fault.Is(err, fault.ModelNotFound) {
			t.Errorf("holding a model that is not there: %v", err)
		}
	})
}

func TestHold(t *testing.T) {
	rolledBubble(t, PromoteNewest, func(r *rolled) {
		me := By{Who: "alice"}
		r.must(r.Hold("m", me))
		r.comes("2", 2)
		r.want("a newer version", "1 READY live held, 2 READY candidate")
		r.must(os.RemoveAll(filepath.Join(r.dir, "m/1")))
		r.must(r.Load(context.Background(), "m"))
		r.want("the held version's folder is gone", "1 READY live held, 2 READY candidate")
		r.must(r.Promote(context.Background(), "m", "2", me))
		r.want("a promotion", "2 READY live")
	})
}

// Each change is in the history with who asked for it, and one that is asked for again is not made again.
func TestHistoryAndKeys(t *testing.T) {
	rolledBubble(t, PromoteNewest, func(r *rolled) {
		ctx := context.Background()
		r.comes("2", 2)
		back := By{Who: "alice", Reason: "answers are wrong", Key: "k1"}
		r.must(r.Rollback(ctx, "m", back))
		r.must(r.Promote(ctx, "m", "2", By{Who: "bob", Key: "k2"}))
		r.must(r.Rollback(ctx, "m", back))
		r.must(r.Promote(ctx, "m", "2", By{Who: "bob", Key: "k2"}))
		if err := r.Hold("m", By{Who: "bob", Key: "k2"}); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), `the key "k2" was used for another change, promote of m`) {
			t.Errorf("a key that was used for another change: %v", err)
		}
		r.want("a way back that was asked for twice", "1 READY previous, 2 READY live")
		entries, err := r.Roles().History("m", 10)
		r.must(err)
		var got []string
		for _, e := range entries {
			got = append(got, strings.Join([]string{e.Who, e.Action, e.Version, e.From, e.Reason}, "|"))
		}
		want := []string{
			"bob|promote|2|1|lifts the rejection", "alice|rollback|1|2|answers are wrong",
			"sluice|promote|2|1|the newest version that passed the load gates", "sluice|promote|1||the newest version that passed the load gates",
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("the history is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

// What was decided holds after a restart, whatever came into the folder meanwhile.
func TestRolesOutliveTheProcess(t *testing.T) {
	w := newWorld(t)
	w.put(t, "m/1", fakeFile{Factor: 1})
	w.put(t, "m/2", fakeFile{Factor: 2})
	dir := t.TempDir()
	life := func(f func(r *rolled)) {
		t.Helper()
		store, err := roles.Open(roles.Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		opts := w.options()
		opts.Roles, opts.KeepPrevious = store, true
		r, err := New(opts)
		if err != nil {
			t.Fatal(err)
		}
		r.notify = noNotify
		if err := r.Start(); err != nil {
			t.Fatal(err)
		}
		f(&rolled{w, r, t})
		if err := r.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}
	ctx := context.Background()
	life(func(r *rolled) {
		r.want("the first start", "1 DISCOVERED, 2 READY live")
		r.must(r.Promote(ctx, "m", "1", By{Who: "alice"}))
		r.must(r.Hold("m", By{Who: "alice"}))
		r.want("a promotion and a hold", "1 READY live held, 2 READY previous")
	})
	w.put(t, "m/3", fakeFile{Factor: 3})
	life(func(r *rolled) {
		r.want("a restart", "1 READY live held, 2 READY previous, 3 READY candidate")
		r.must(r.Release("m", By{Who: "alice"}))
		r.must(r.Promote(ctx, "m", "3", By{Who: "alice"}))
		r.must(r.Rollback(ctx, "m", By{Who: "alice"}))
		r.want("a way back", "1 READY live, 2 UNLOADED, 3 UNLOADED rejected")
	})
	life(func(r *rolled) {
		r.want("a restart after a way back", "1 READY live, 2 DISCOVERED, 3 FAILED rejected")
	})
}

// A gateway that does not hold the lease serves a model that the holder does not have, and says of one whose live version has other
// files there what is wrong.
func TestModelsThatTheHolderLacks(t *testing.T) {
	w, dir := newWorld(t), t.TempDir()
	w.put(t, "m/1", fakeFile{Factor: 1})
	holder, err := roles.Open(roles.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	start := func(want, ready string) {
		t.Helper()
		follower, err := roles.Open(roles.Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		opts := w.options()
		opts.Roles, opts.Promote = follower, PromoteManual
		r, err := New(opts)
		if err != nil {
			t.Fatal(err)
		}
		r.notify = noNotify
		if err := r.Start(); err != nil {
			t.Fatal(err)
		}
		(&rolled{w, r, t}).want("the start", want)
		if err := r.Ready(); ready == "" && err != nil || ready != "" && (err == nil || !strings.Contains(err.Error(), ready)) {
			t.Errorf("it is ready: %v; want %q", err, ready)
		}
		if err := errors.Join(r.Close(context.Background()), follower.Close()); err != nil {
			t.Error(err)
		}
	}
	start("1 READY candidate (serves: yes)", "")
	other := roles.Ref{Version: "1", Digest: strings.Repeat("a", 64)}
	if _, _, err := holder.Change(roles.Entry{Who: "a", Action: "promote"}, func(st *roles.State, _ *roles.Entry) error {
		st.Models["m"] = roles.Model{Live: &other}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	start("1 READY candidate", "'m' version 1 is ready and not live")
	if err := holder.Close(); err != nil {
		t.Error(err)
	}
}

// What a gate refuses is counted by the gate, and the version that serves goes on.
func TestRefusedVersionsAreCounted(t *testing.T) {
	rolledBubble(t, PromoteNewest, func(r *rolled) {
		for _, version := range []string{"2", "3"} {
			r.put(t, "m/"+version, fakeFile{Factor: 2, FailOpen: true})
		}
		if err := r.Load(context.Background(), "m"); !fault.Is(err, fault.ModelLoadFailed) {
			t.Errorf("the load ended with %v", err)
		}
		r.want("two that cannot serve", "1 READY live, 2 FAILED, 3 FAILED")
		counts := map[string]uint64{}
		for _, refused := range r.Refused() {
			counts[refused.Model+" "+refused.Gate] = refused.Count
		}
		if want := map[string]uint64{"m open": 2}; !maps.Equal(counts, want) {
			t.Errorf("refused are %v, want %v", counts, want)
		}
	})
}
