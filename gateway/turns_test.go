package gateway

import (
	"bytes"
	"compress/gzip"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sluice/internal/clock"
	"sluice/internal/fault"
)

// zipped is a body in so much white space.
func zipped(t *testing.T, space int, body string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(strings.Repeat(" ", space) + body)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// turning is a gateway with one turn, and how to ask it with a budget in the head, or "" for none.
func turning(t *testing.T) (g *Gateway, model *echo, send func(body, budget string) *fault.Error) {
	t.Helper()
	model = newEcho()
	g, err := New(Options{Models: model, Limits: Limits{MaxInflatedBytes: 4 << 20, MaxBudget: time.Minute}})
	if err != nil {
		t.Fatal(err)
	}
	g.turns = make(chan struct{}, 1)
	return g, model, func(body, budget string) (f *fault.Error) {
		x := g.Get()
		x.Name, x.Format, x.Body, x.Arrived = []byte("echo"), V2, []byte(body), clock.Now()
		if x.Head.ContentEncoding = []byte("gzip"); budget != "" {
			x.Head.Budget = []byte(budget)
		}
		if g.Predict(x) != Ends {
			t.Error("it is pending")
		}
		if x.Err != nil {
			f = fault.Of(x.Err)
		}
		g.End(x)
		return f
	}
}

// A compressed body that becomes large waits for its turn, until its deadline at most; a small one does not.
func TestLargeBodiesTakeTurns(t *testing.T) {
	small, large := zipped(t, largeInflated-len(echoBody), echoBody), zipped(t, largeInflated, echoBody)
	defer func() { // the channels of the bubble are in pools, which two collections empty
		runtime.GC()
		runtime.GC()
	}()
	synctest.Test(t, func(t *testing.T) {
		g, _, send := turning(t)
		g.turns <- struct{}{} // of another one
		f := func(what, body, budget string, takes time.Duration, want fault.Kind) {
			t.Helper()
			from, kind := time.Now(), fault.None
			if f := send(body, budget); f != nil {
				kind = f.Kind
			}
			if took := time.Since(from); kind != want || took != takes {
				t.Errorf("%s: %q after %v, want %q after %v", what, kind.Code(), took, want.Code(), takes)
			}
		}
		f("small", small, "50", 0, fault.None)
		f("large, with a budget", large, "50", 50*time.Millisecond, fault.DeadlineExceeded)
		f("large, whose timeout is not known yet", large, "", time.Minute, fault.DeadlineExceeded)
		time.AfterFunc(20*time.Millisecond, func() { <-g.turns })
		f("large, when the other one has ended", large, "50", 20*time.Millisecond, fault.None)
		f("large, with nobody before it", large, "50", 0, fault.None)
	})
}

// However an exchange ends, its turn is given back.
func TestTurnsAreGivenBack(t *testing.T) {
	g, model, send := turning(t)
	f := func(what, body string, want fault.Kind) {
		t.Helper()
		kind := fault.None
		if f := send(body, "10000"); f != nil {
			kind = f.Kind
		}
		if kind != want || len(g.turns) != 0 {
			t.Errorf("%s: %q, and %d turns are taken; want %q", what, kind.Code(), len(g.turns), want.Code())
		}
	}
	large := zipped(t, largeInflated, echoBody)
	f("answered", large, fault.None)
	f("no JSON", zipped(t, largeInflated, "{"), fault.InvalidJSON)
	f("cut short", large[:len(large)-4], fault.BadCompression)
	f("too large", zipped(t, 4<<20, echoBody), fault.DecompressedTooLarge)
	model.panics = true
	f("panicked", large, fault.Internal)
}
