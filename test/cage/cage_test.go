package cage

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"sluice/internal/memory"
)

const mebibyte = 1 << 20

// TestMain eats memory where the test has started this binary for that.
func TestMain(m *testing.M) {
	if os.Getenv("CAGE_EAT") == "" {
		os.Exit(m.Run())
	}
	var held [][]byte
	for begin := time.Now(); time.Since(begin) < 30*time.Second; {
		b := make([]byte, mebibyte)
		for i := range b {
			b[i] = 1
		}
		held = append(held, b)
		if os.Getenv("CAGE_EAT") == "some" && len(held) == 24 {
			time.Sleep(30 * time.Second)
		}
	}
}

func eat(t *testing.T, c *Cage, how string) *exec.Cmd {
	t.Helper()
	cmd := c.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "CAGE_EAT="+how, "GOGC=off")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

func TestGluttonIsEnded(t *testing.T) {
	c := New(t, 64*mebibyte)
	if err := eat(t, c, "all").Wait(); err == nil {
		t.Error("a process took more than its cage has and lived")
	}
	if c.Killed() != 1 || c.Peak() < c.Limit/2 || c.Peak() > c.Limit {
		t.Errorf("%v", c)
	}
}

func TestPeakIsMeasured(t *testing.T) {
	c := New(t, 128*mebibyte)
	cmd := eat(t, c, "some")
	for begin := time.Now(); c.Usage() < 24*mebibyte; time.Sleep(time.Millisecond) {
		if time.Since(begin) > 20*time.Second {
			t.Fatalf("the cage holds %d bytes after 20 s", c.Usage())
		}
	}
	if pss, err := memory.PSS(cmd.Process.Pid); err != nil || pss < 24*mebibyte || pss > 48*mebibyte {
		t.Errorf("the tree's PSS is %d (%v)", pss, err)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if peak := c.Peak(); peak < 24*mebibyte || peak > 48*mebibyte {
		t.Errorf("the peak is %d", peak)
	}
	if c.Killed() != 0 {
		t.Error("something was killed")
	}
	c.ResetPeak()
	if peak := c.Peak(); peak > 8*mebibyte {
		t.Errorf("after a new beginning the peak is %d", peak)
	}
}

func TestCageGoes(t *testing.T) {
	c, err := Make(64 * mebibyte)
	if err != nil {
		t.Skip(err)
	}
	cmd := eat(t, c, "some")
	go func() { _ = cmd.Wait() }()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(c.dir); !os.IsNotExist(err) {
		t.Errorf("the group is still there: %v", err)
	}
}
