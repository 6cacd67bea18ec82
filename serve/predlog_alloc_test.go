//go:build !race

package serve

import (
	"context"
	"testing"
	"time"

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
