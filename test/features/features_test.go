package main

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sluice/internal/pgtest"
	"sluice/internal/servertest"
	"sluice/test/rig"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The quick form of the faults: each answer is right or says what it lacks, and a breaker that opens closes again.
func TestFaults(t *testing.T) {
	servertest.Redis(t)
	pgtest.Need(t)
	if os.Getenv("SLUICE_ONNXRUNTIME") == "" {
		t.Skip("ONNX Runtime is not here: run scripts/onnxruntime.sh")
	}
	dir := t.TempDir()
	binary, err := rig.Build(dir)
	if err != nil {
		t.Fatal(err)
	}
	err = onStages(binary, dir, func(s *stage, f *fault) error {
		o, err := s.trial(f, plan{turns: 1, slice: 500 * time.Millisecond, rate: 40, seed: 1})
		if err != nil {
			return err
		}
		filled, strict, plain := o.with["filled"], o.with["strict"], o.with["plain"]
		if !o.honest() || plain.full != plain.sent {
			var b strings.Builder
			o.tell(&b)
			t.Errorf("%s:\n%s", f.name, b.String())
		}
		if lacks := f.before != nil || f.opens; lacks && (filled.degraded == 0 || strict.refused == 0) {
			t.Errorf("%s: %d of %d answers were degraded and %d of %d refused", f.name, filled.degraded, filled.sent, strict.refused, strict.sent)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The quick form of the reads: each way brings all values.
func TestReads(t *testing.T) {
	servertest.Redis(t)
	text, _, err := reads(plan{rounds: 2, reads: 8, seed: 1}, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(text, "\n"); n != 2+2*3+2*4 {
		t.Errorf("%d lines:\n%s", n, text)
	}
}

// The quick form of the memory: each layout keeps all values, and the native one takes least.
func TestMemory(t *testing.T) {
	servertest.Redis(t)
	dir, n := t.TempDir(), int64(300)
	g := groupOf(memoryColumns)
	var used []float64
	for i := range waysToKeep {
		k := &waysToKeep[i]
		own, err := folder(dir, k.name[:4])
		if err != nil {
			t.Fatal(err)
		}
		s, err := newServer(own)
		if err != nil {
			t.Fatal(err)
		}
		defer s.end()
		if err := k.load(s, g, n); err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(1, 2))
		bytes, err := k.usage(s, g, n, rng)
		if err != nil {
			t.Fatal(err)
		}
		used = append(used, bytes)
		if _, err := k.lookUps(s, g, n, rng); err != nil {
			t.Errorf("%s: %v", k.name, err)
		}
	}
	if !slices.IsSortedFunc([]float64{used[4], used[2], used[1], used[0]}, cmp.Compare[float64]) {
		t.Errorf("bytes of an entity: %.0f", used)
	}
}

func TestRatio(t *testing.T) {
	f := func(of, to []float64, want estimate) {
		t.Helper()
		got := ratio(of, to)
		for _, d := range []float64{got.mean - want.mean, got.low - want.low, got.high - want.high} {
			if math.Abs(d) > 1e-3 {
				t.Errorf("%v, want %v", got, want)
			}
		}
	}
	f([]float64{2, 4, 6}, []float64{1, 2, 3}, estimate{2, 2, 2})
	f([]float64{1, 4}, []float64{1, 1}, estimate{2, 0.514, 7.781})
}

func TestNote(t *testing.T) {
	const right = `:[1]}`
	body := `{"outputs"` + right
	some := "filled=15,cached=0,default=1,stale=0,late=1"
	f := func(filled bool, a answer, want slice) {
		t.Helper()
		var got slice
		got.note(1, right, filled, &a, time.Second)
		if got.full != want.full || got.degraded != want.degraded || got.refused != want.refused || got.wrong != want.wrong || got.late != 1 {
			t.Errorf("%+v: %+v", a, got)
		}
	}
	f(false, answer{status: 200, body: body}, slice{full: 1})
	f(true, answer{status: 200, body: body}, slice{wrong: 1}) // it does not say what it filled
	f(true, answer{status: 200, body: body, features: "filled=16,cached=0,default=0,stale=0,late=0"}, slice{full: 1})
	f(true, answer{status: 200, body: body, features: some}, slice{wrong: 1}) // it does not say that it is degraded
	f(true, answer{status: 200, body: `{"degraded":true,"outputs":[2]}`, features: some}, slice{degraded: 1})
	f(false, answer{status: 200, body: `{"outputs":[2]}`}, slice{wrong: 1})
	f(true, answer{status: 422, body: `{"code":"FEATURE_MISSING"}`}, slice{refused: 1})
	f(true, answer{status: 422, body: `{"code":"OTHER"}`}, slice{wrong: 1})
	f(true, answer{status: 429, body: `{"code":"OVERLOADED"}`}, slice{refused: 1})
	f(true, answer{err: os.ErrClosed}, slice{wrong: 1})
}

func TestWriteSection(t *testing.T) {
	path := filepath.Join(t.TempDir(), "page.md")
	page := "# Page\n" + fmt.Sprintf(sectionBegins, "reads") + "old\n" + fmt.Sprintf(sectionEnds, "reads") + "end\n"
	if err := os.WriteFile(path, []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := writeSection(path, "reads", "new\n"); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil || strings.Contains(string(got), "old") || !strings.Contains(string(got), "\n\nnew\n"+fmt.Sprintf(sectionEnds, "reads")+"end\n") {
		t.Errorf("%s, %v", got, err)
	}
	if err := writeSection(path, "fill", ""); err == nil || !strings.Contains(err.Error(), "no place for the section") {
		t.Error(err)
	}
}
