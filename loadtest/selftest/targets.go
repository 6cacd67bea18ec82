package selftest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"sluice/loadtest"
	"sluice/loadtest/compare"
	"sluice/loadtest/live"
	"sluice/loadtest/payload"
	"sluice/loadtest/result"
	"sluice/loadtest/stub"
)

// beginner starts a stub's clock when a run is about to begin.
type beginner struct{ s *stub.Server }

func (b beginner) Title(string)     { b.s.Begin() }
func (beginner) Show(live.Snapshot) {}
func (beginner) Note(string)        {}

// faultEvery is how many requests one fault is in.
const faultEvery = 10_000

// faults has a server lose, repeat, exchange and corrupt one answer in ten thousand, and holds
// what the tool counts against what the server did.
func faults(ctx context.Context, t *test) error {
	kinds := []struct {
		fault string
		found func(r *result.Result) int64
		done  func(c stub.Counts) int64
		exit  int
		as    string
	}{
		{"lose", func(r *result.Result) int64 { return r.Ledger.Timeout }, func(c stub.Counts) int64 { return c.Lost.N }, result.ExitOK, "timeouts"},
		{"repeat", func(r *result.Result) int64 { return r.Ledger.Extra }, func(c stub.Counts) int64 { return c.Repeated.N }, result.ExitLedger, "extra answers"},
		{"swap", func(r *result.Result) int64 { return r.Verify.CrossTalk }, func(c stub.Counts) int64 { return 2 * c.Swapped.N }, result.ExitWrong, "answers of other requests"},
		{"corrupt", func(r *result.Result) int64 { return r.Ledger.Wrong - r.Verify.CrossTalk }, func(c stub.Counts) int64 { return c.Corrupted.N }, result.ExitWrong, "wrong values"},
	}
	for _, k := range kinds {
		err := with(fmt.Sprintf("%s=%d", k.fault, faultEvery), func(s *stub.Server) error {
			o := loadtest.RunOptions{Options: t.options(s), Load: "constant:10000", Length: 3 * time.Second}
			o.Timeout, o.Target.Payload.Protocol = 2*time.Second, payload.Binary
			r, _, err := loadtest.Run(ctx, o)
			if err != nil {
				return err
			}
			found, done := k.found(r), k.done(s.Counts())
			l := r.Ledger
			t.hold(found == done && done > 0, "%s: %d %s found of %d in %d requests", k.fault, found, k.as, done, l.Scheduled)
			rest := l.Scheduled - l.OK
			t.hold(rest == l.Timeout+l.Wrong && rest <= done, "%s: every other request is right", k.fault)
			r.Validity = result.Validity{Valid: true} // how quiet the machine is does not matter here
			exit := result.ExitStatus(r).Code
			t.hold(exit == k.exit, "%s: exit status %d", k.fault, exit)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

const (
	repeats       = 20
	falseVerdicts = 2
)

// sameTarget compares a target with itself, over and over: a verdict is a false one.
func sameTarget(ctx context.Context, t *test) error {
	return with("delay=200us", func(s *stub.Server) error {
		told := 0
		for seed := range repeats {
			o := loadtest.ABOptions{Options: t.options(s), Load: "poisson:2000", Length: time.Second, Warmup: time.Second / 10, Mode: compare.Request, Block: 50 * time.Millisecond}
			o.Seed, o.Unverified, o.B = uint64(seed+1), true, o.Target
			r, _, err := loadtest.AB(ctx, o)
			if err != nil {
				return err
			}
			if len(r.AB.Metrics) == 0 {
				t.hold(false, "comparison %d gives no metric", seed+1)
			}
			if slices.ContainsFunc(r.AB.Metrics, func(m result.Ratio) bool { return m.Verdict != "no difference shown" }) {
				told++
			}
		}
		t.hold(told <= falseVerdicts, "%d of %d comparisons of a target with itself tell a difference (at most %d)", told, repeats, falseVerdicts)
		return nil
	})
}
