package roles

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// child is what the other process does until somebody ends it.
//
//	loop   changes the state again and again, and prints each version once it is told that it is live
//	hold   takes the lease, prints it and stamps it
//	link   stops itself between its check and its link, and prints what became of the change
//	open   does so between its look at the state and its temporary file
func child(job, dir string) {
	sys := &stopping{}
	s, err := Open(Options{Dir: dir, Admin: "child:1", sys: sys})
	if err != nil || !s.Holds() {
		fmt.Println("no lease:", err)
		return
	}
	fmt.Println("holds")
	switch job {
	case "loop":
		for n := live(s.State(), "m") + 1; ; n++ {
			if _, _, err := promote(s, "m", n, fmt.Sprint("key", n)); err != nil {
				fmt.Println(err)
				return
			}
			fmt.Println(n)
		}
	case "link", "open":
		sys.at = job
		_, _, err := promote(s, "m", 666, "")
		var other *NotHolderError
		fmt.Println(errors.As(err, &other), s.Holds(), err)
	default:
		s.Run(context.Background())
	}
}

// stopping is a disk on which the process stops itself once, before it makes a call of one kind.
type stopping struct {
	disk
	at string
}

func (s *stopping) before(call string) {
	if s.at == call {
		s.at = ""
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
		time.Sleep(200 * time.Millisecond) // a stop reaches all threads a moment after the call
	}
}

func (s *stopping) link(old, name string) error {
	s.before("link")
	return s.disk.link(old, name)
}

func (s *stopping) open(path string, flags int) (file, error) {
	s.before("open")
	return s.disk.open(path, flags)
}

// start starts a child and waits until it holds the lease.
func start(t *testing.T, job, dir string) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "ROLES_TEST_CHILD="+job, "ROLES_TEST_DIR="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { kill(cmd) })
	lines := bufio.NewReader(out)
	if line, err := lines.ReadString('\n'); line != "holds\n" {
		t.Fatalf("the child says %q, %v", line, err)
	}
	return cmd, lines
}

func kill(cmd *exec.Cmd) {
	_ = cmd.Process.Kill() // it may have ended
	_ = cmd.Wait()
}

// A process is killed at any instant of its changes: what it has told is there, and nothing that it has not begun.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	for range 50 {
		cmd, out := start(t, "loop", dir)
		first, err := out.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(rand.N(30 * time.Millisecond))
		_ = cmd.Process.Kill()
		rest, _ := io.ReadAll(out)
		_ = cmd.Wait()
		told := 0
		lines := strings.Fields(first + string(rest))
		if _, err := fmt.Sscan(lines[len(lines)-1], &told); err != nil {
			t.Fatalf("the child says %q", lines)
		}
		s := open(t, Options{Dir: dir})
		if got := live(s.State(), "m"); got < told || got > told+1 {
			t.Fatalf("version %d is live, and %d was told", got, told)
		}
		if err := s.take(); err != nil {
			t.Fatal(err)
		}
		wholeHistory(t, s, 1)
		at := live(s.State(), "m")
		if st, repeated, err := promote(s, "m", at+1, fmt.Sprint("key", at)); err != nil || !repeated || live(st, "m") != at {
			t.Fatalf("the key of version %d is made again: %t, %v", at, repeated, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// follow runs a store on a folder that another holds, and measures how long it takes to get the lease.
func follow(t *testing.T, dir string, silence func()) *Store {
	t.Helper()
	s := open(t, Options{Dir: dir, Admin: "parent:1"})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); s.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	time.Sleep(3500 * time.Millisecond) // longer than Expiry
	if s.Holds() {
		t.Fatal("the lease was taken from a holder that is alive")
	}
	var other *NotHolderError
	if _, _, err := promote(s, "m", 1, ""); !errors.As(err, &other) || other.Holder.Admin != "child:1" {
		t.Fatalf("a change that is not the holder's: %v", err)
	}
	changed := s.Changed()
	silence()
	begun := time.Now()
	select {
	case <-changed:
	case <-time.After(10 * time.Second):
	}
	if took := time.Since(begun); !s.Holds() || took > 5*time.Second {
		t.Fatalf("holds %t after %v", s.Holds(), took)
	}
	return s
}

// The holder is killed: another takes the lease within 5 s.
func TestHolderKilled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd, _ := start(t, "hold", dir)
	s := follow(t, dir, func() { kill(cmd) })
	must(t, s, "m", 2)
	wholeHistory(t, s, 1)
}

// The holder is stopped before or after its check: another takes the lease, and what the old one goes on with fails, whether its number is
// taken or was removed since.
func TestHolderStopped(t *testing.T) {
	f := func(at, name string, changes int) {
		t.Run(at+", "+name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			cmd, out := start(t, at, dir)
			var status syscall.WaitStatus
			if _, err := syscall.Wait4(cmd.Process.Pid, &status, syscall.WUNTRACED, nil); err != nil || !status.Stopped() {
				t.Fatalf("the child is not stopped: %v, %v", status, err)
			}
			s := open(t, Options{Dir: dir, Admin: "parent:1"})
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan struct{})
			go func() { defer close(done); s.Run(ctx) }()
			defer func() { cancel(); <-done }()
			begun := time.Now()
			select {
			case <-s.Changed():
			case <-time.After(10 * time.Second):
			}
			if took := time.Since(begun); !s.Holds() || took > 5*time.Second {
				t.Fatalf("holds %t after %v", s.Holds(), took)
			}
			for n := range changes {
				must(t, s, "m", n+1)
			}
			if err := cmd.Process.Signal(syscall.SIGCONT); err != nil {
				t.Fatal(err)
			}
			line, err := out.ReadString('\n')
			if want := "true false another gateway holds the lease of the state folder: ask the one at parent:1\n"; line != want {
				t.Errorf("the old holder says %q, %v, want %q", line, err, want)
			}
			must(t, s, "m", changes+1)
			wholeHistory(t, s, 1)
			fresh := open(t, Options{Dir: dir})
			if got := live(fresh.State(), "m"); got != changes+1 || fresh.Behind() {
				t.Errorf("who opens the folder sees version %d, behind %t", got, fresh.Behind())
			}
		})
	}
	for _, at := range []string{"link", "open"} {
		f(at, "its number is taken", 0)
		f(at, "its number was removed", 2*kept)
	}
}
