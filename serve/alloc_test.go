//go:build !race

package serve

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"sluice/internal/trace/record"
	"sluice/predlog"
)

// Nothing is allocated for an exchange that is recorded.
func TestAnswersAllocations(t *testing.T) {
	w, err := predlog.Start(predlog.Options{Dir: t.TempDir(), Sample: 1, MaxRecord: 1 << 12})
	if err != nil {
		t.Fatal(err)
	}
	a, x := answers{w}, ended("a")
	for range 5000 {
		a.ended(x)
	}
	for end := time.Now().Add(10 * time.Second); w.Stats().Waiting > 0 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	if got := testing.AllocsPerRun(1000, func() { a.ended(x) }); got > 0 {
		t.Errorf("%v allocations for an exchange", got)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := w.Close(ctx); err != nil {
		t.Fatal(err)
	}
}

// Nor for one that a trace takes, whether the ring has room for it or not.
func TestArrivalsAllocations(t *testing.T) {
	r, err := record.Start(record.Options{Path: filepath.Join(t.TempDir(), "a.jsonl")})
	if err != nil {
		t.Fatal(err)
	}
	a, x := arrivals{r}, ended("0af7651916cd43dd8448eb211c80319c")
	if got := testing.AllocsPerRun(1000, func() { a.ended(x) }); got > 0 {
		t.Errorf("%v allocations for an exchange", got)
	}
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}
