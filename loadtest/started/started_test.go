package started

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sluice/loadtest/payload"
	"sluice/test/rig"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// alive reports whether a process runs.
func alive(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(text), ") Z ")
}

// A target that is never ready is given up, and stopped by force where it does not heed SIGTERM,
// with all that it started.
func TestTargetThatIsNeverReady(t *testing.T) {
	mark := filepath.Join(t.TempDir(), "pids")
	nowhere, err := rig.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	c, err := startTarget(t.Context(), "sh -c 'trap \"\" TERM; echo waiting for a disk; sleep 300 & echo $$ $! > "+mark+"; wait; sleep 300'", nowhere, patience{2 * time.Second, time.Second})
	var absent *payload.NotReadyError
	if c != nil || !errors.As(err, &absent) || !strings.Contains(err.Error(), "was not ready at 127.0.0.1:") || !strings.HasSuffix(err.Error(), "within 2s: it still runs, and its log ends: waiting for a disk") {
		t.Fatalf("%v, %v", c, err)
	}
	text, err := os.ReadFile(mark)
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range strings.Fields(string(text)) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(10 * time.Second); alive(pid); time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("process %d has not ended", pid)
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := startTarget(ctx, "sleep 300", nowhere, targetPatience); !errors.Is(err, context.Canceled) {
		t.Errorf("a start that is called off ends with %v", err)
	}
}

func TestWordsOfACommand(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		got, err := words(text)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v, want %q", text, got, err, want)
		}
	}
	f("a", "a")
	f("  a  b\tc\n", "a", "b", "c")
	f(`a 'b c' "d 'e' f"`, "a", "b c", "d 'e' f")
	f(`--x='a b'c`, "--x=a bc")
	f(`a ''`, "a", "")
	f(`a $HOME \n *`, "a", "$HOME", `\n`, "*")
	for _, text := range []string{"", " ", "a 'b", `a "b'`} {
		if got, err := words(text); err == nil {
			t.Errorf("%q gives %q", text, got)
		}
	}
}
