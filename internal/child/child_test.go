package child

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// TestMain is also the parent that TestChildDiesWithItsParent kills: it starts a child from a
// thread that ends, tells the child's number and waits.
func TestMain(m *testing.M) {
	if os.Getenv("CHILD_TEST_PARENT") == "" {
		goleak.VerifyTestMain(m)
		return
	}
	started := make(chan *Child)
	go func() {
		runtime.LockOSThread() // and never unlocks it: the thread ends with the goroutine
		c, err := Start(shell("sleep 300"))
		if err != nil {
			panic(err)
		}
		started <- c
	}()
	c := <-started
	time.Sleep(50 * time.Millisecond)
	if how, ended := c.Ended(); ended {
		fmt.Println("ended", how)
	}
	fmt.Println(c.PID())
	select {}
}

func shell(text string) *exec.Cmd { return exec.Command("/bin/sh", "-c", text) }

func start(t *testing.T, cmd *exec.Cmd) *Child {
	t.Helper()
	c, err := Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.End)
	return c
}

// gone waits until a process is not there any more, or is dead and not waited for.
func gone(t *testing.T, pid int) {
	t.Helper()
	for begun := time.Now(); time.Since(begun) < 10*time.Second; time.Sleep(time.Millisecond) {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return
		}
	}
	t.Errorf("process %d is still there", pid)
}

// The child outlives the thread that asked for it, and dies with the process.
func TestChildDiesWithItsParent(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	parent := exec.Command("/proc/self/exe")
	parent.Env, parent.Stdout = append(os.Environ(), "CHILD_TEST_PARENT=1"), w
	p := start(t, parent)
	_ = w.Close()
	var pid int
	if _, err := fmt.Fscan(r, &pid); err != nil {
		t.Fatalf("the parent does not tell its child's number: %v", err)
	}
	if err := syscall.Kill(pid, 0); err != nil {
		t.Errorf("the child is not there: %v", err)
	}
	p.Kill()
	gone(t, pid)
}

func TestEnds(t *testing.T) {
	f := func(text, how string, status int) {
		t.Helper()
		c := start(t, shell(text))
		err := c.Wait()
		if got, ended := c.Ended(); got != how || !ended || c.Status() != status || (err == nil) != (status == 0) {
			t.Errorf("%s: %q, %v, status %d, %v; want %q, status %d", text, got, ended, c.Status(), err, how, status)
		}
		c.End()
	}
	f("exit 0", "exit status 0", 0)
	f("exit 7", "exit status 7", 7)
	f("kill -KILL $$", "signal: killed", -1)
	if err := Run(shell("exit 3")); err == nil || err.Error() != "exit status 3" {
		t.Errorf("got %v", err)
	}
	if c, err := Start(exec.Command("/no/such/program")); c != nil || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, %v", c, err)
	}
	c := start(t, shell("sleep 300"))
	if how, ended := c.Ended(); ended {
		t.Errorf("it has ended: %s", how)
	}
	c.Kill()
	if err := c.Wait(); err == nil || err.Error() != "signal: killed" {
		t.Errorf("got %v", err)
	}
}

// begun waits until a file holds a whole line, and returns the numbers in it.
func begun(t *testing.T, path string) (all []int) {
	t.Helper()
	for since := time.Now(); time.Since(since) < 10*time.Second; time.Sleep(time.Millisecond) {
		text, _ := os.ReadFile(path)
		if !strings.HasSuffix(string(text), "\n") {
			continue
		}
		for _, word := range strings.Fields(string(text)) {
			n, err := strconv.Atoi(word)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, n)
		}
		return all
	}
	t.Fatal("the process does not begin")
	return nil
}

func TestStop(t *testing.T) {
	f := func(trap string, limit time.Duration, inTime bool) {
		t.Helper()
		mark := filepath.Join(t.TempDir(), "pids")
		cmd := shell("trap '" + trap + "' TERM; sleep 300 & echo $$ $! > " + mark + "; wait; sleep 300")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		c := start(t, cmd)
		pids := begun(t, mark)
		if got := c.Stop(limit); got != inTime {
			t.Errorf("trap %q: it ended in time: %v", trap, got)
		}
		for _, pid := range pids { // the whole group
			gone(t, pid)
		}
	}
	f("exit 0", 10*time.Second, true)
	f("", 100*time.Millisecond, false)
}

// A grandchild that keeps the output open delays the end no longer than a second.
func TestGrandchildHoldsTheOutput(t *testing.T) {
	var said Tail
	mark := filepath.Join(t.TempDir(), "pid")
	cmd := shell("sleep 300 & echo $! > " + mark + "; echo done")
	cmd.Stdout = &said
	c := start(t, cmd)
	if err := c.Wait(); !errors.Is(err, exec.ErrWaitDelay) || said.Lines(1) != "done" {
		t.Errorf("got %v and %q", err, said.Lines(1))
	}
	_ = syscall.Kill(begun(t, mark)[0], syscall.SIGKILL)
}

func TestBeginning(t *testing.T) {
	b := Beginning{Most: 10}
	for range 3 {
		if n, err := b.Write([]byte("1234")); n != 4 || err != nil {
			t.Errorf("got %d, %v", n, err)
		}
	}
	if string(b.Bytes()) != "1234123412" {
		t.Errorf("%q is kept", b.Bytes())
	}
}

// Of words without end the last lines are kept.
func TestTail(t *testing.T) {
	var log Tail
	if s := log.Lines(3); s != "" {
		t.Errorf("of nothing: %q", s)
	}
	for i := range 100_000 {
		if _, err := log.Write([]byte("line " + strconv.Itoa(i) + "\n")); err != nil {
			t.Fatal(err)
		}
	}
	if s := log.Lines(3); s != "line 99997 | line 99998 | line 99999" || len(log.mu.kept) > tailBytes {
		t.Errorf("%q of %d bytes", s, len(log.mu.kept))
	}
	long := Tail{}
	_, _ = long.Write(make([]byte, 3*tailBytes))
	if len(long.mu.kept) != tailBytes {
		t.Errorf("%d bytes are kept", len(long.mu.kept))
	}
}

// An idle process is waited for as any other.
func TestStartIdle(t *testing.T) {
	c, err := StartIdle(shell("exit 3"))
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Status(); got != 3 {
		t.Errorf("status %d, want 3", got)
	}
	if _, err := StartIdle(exec.Command("/nowhere")); err == nil {
		t.Error("no file was started")
	}
}
