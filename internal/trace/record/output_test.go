package record

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"sluice/internal/clock"
	"sluice/internal/trace"
)

func TestFullDiskEndsRecordingAlone(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("there is no /dev/full")
	}
	synctest.Test(t, func(t *testing.T) {
		r, logs := start(t, Options{Path: "/dev/full"})
		for range 300 {
			time.Sleep(10 * time.Millisecond)
			r.Arrived(&Arrival{At: clock.Now(), Model: "a"}, nil)
		}
		if r.Stats().Active {
			t.Error("recording goes on")
		}
		if err := r.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if lines := logs.FilterLevelExact(zap.ErrorLevel).All(); len(lines) != 1 || !strings.Contains(fmt.Sprint(lines[0].ContextMap()["error"]), "no space left") {
			t.Errorf("lines: %v", lines)
		}
	})
}

func TestWhatWasRecordedBeforeIsKept(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.jsonl.gz")
	for i := range 3 {
		r, _ := start(t, Options{Path: path})
		for range i + 1 {
			r.Arrived(&Arrival{At: clock.Now(), Model: "a"}, nil)
		}
		finish(t, r)
	}
	if now, before := read(t, path), read(t, filepath.Join(dir, "previous-a.jsonl.gz")); len(now) != 3 || len(before) != 2 {
		t.Errorf("%d arrivals now and %d before, want 3 and 2", len(now), len(before))
	}
}

func TestWhatCannotBeRecordedTo(t *testing.T) {
	for _, o := range []Options{{}, {Path: "x", MaxBytes: -1}, {Path: "x", MaxAge: -1}, {Path: "/nowhere/x"}, {Path: "/nowhere/x", Payloads: true}} {
		if r, err := Start(o); err == nil {
			t.Errorf("%+v is taken", o)
			_ = r.Close(context.Background())
		}
	}
	r, _ := start(t, Options{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = r.Close(ctx) // the file may or may not be complete by now
	finish(t, r)
}

// A named pipe without a reader is refused at the start, and not waited for.
func TestNamedPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	for _, p := range []string{path, trace.PayloadsPath(path)} {
		if err := unix.Mkfifo(p, 0o600); err != nil {
			t.Skip(err)
		}
	}
	for _, payloads := range []bool{false, true} {
		if r, err := Start(Options{Path: path, Payloads: payloads}); !errors.Is(err, unix.ENXIO) {
			t.Errorf("payloads %v: %v", payloads, err)
			if err == nil {
				finish(t, r)
			}
		}
	}
}
