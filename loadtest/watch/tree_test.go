package watch

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/prometheus/procfs"
)

func TestTreeAddsUpWhatIsBelow(t *testing.T) {
	m := newMachine(t)
	m.process(fakeProcess{pid: 100, parent: 1, start: 10, cpu: 1000, pages: 10, voluntary: 5, involuntary: 1, sockets: []string{"1", "2"}})
	m.process(fakeProcess{pid: 200, parent: 100, start: 11, cpu: 500, pages: 20, voluntary: 7})
	m.process(fakeProcess{pid: 300, parent: 200, start: 12, cpu: 50, pages: 30})
	m.process(fakeProcess{pid: 400, parent: 1, start: 12, cpu: 99999, pages: 9999})
	tree := &tree{proc: m.proc(), root: 100}
	expect := func(step string, processes int, cpu time.Duration, pages int, other bool) {
		t.Helper()
		u := tree.usage()
		if u.Processes != processes || u.cpu != cpu || u.RSS != int64(pages*os.Getpagesize()) || u.Other != other || u.PID != 100 {
			t.Errorf("%s: %+v", step, u)
		}
	}
	tree.look(true)
	expect("at first", 3, 0, 60, false)
	if u := tree.usage(); u.PSS != 3*366<<10 || u.FDs != 2 || u.Threads != 9 || u.voluntary != 0 {
		t.Errorf("at first: %+v", u)
	}

	m.process(fakeProcess{pid: 100, parent: 1, start: 10, cpu: 1010, pages: 11, voluntary: 9, involuntary: 3, sockets: nil})
	m.process(fakeProcess{pid: 300, parent: 200, start: 12, cpu: 55, pages: 30})
	tree.look(false)
	expect("after work", 3, 150*time.Millisecond, 61, false)
	if u := tree.usage(); u.voluntary != 4 || u.involuntary != 2 {
		t.Errorf("after work: %+v", u)
	}

	// A process that ends keeps what it has used; one that begins counts from its start.
	m.end(200)
	m.end(300)
	m.process(fakeProcess{pid: 500, parent: 100, start: 40, cpu: 20, pages: 5})
	tree.look(false)
	expect("after an end", 1, 150*time.Millisecond, 11, false)
	tree.look(true)
	expect("after a beginning", 2, 350*time.Millisecond, 16, false)

	// An id that is used again is another process.
	m.process(fakeProcess{pid: 500, parent: 100, start: 60, cpu: 1, pages: 5})
	tree.look(true)
	expect("after a child's id came back", 2, 360*time.Millisecond, 16, false)
	m.process(fakeProcess{pid: 100, parent: 1, start: 99, cpu: 1, pages: 7})
	tree.look(false)
	if u := tree.usage(); !u.Other {
		t.Errorf("another process of the root's id passes for it: %+v", u)
	}
}

func TestTreeEndsWithItsRoot(t *testing.T) {
	m := newMachine(t)
	m.process(fakeProcess{pid: 100, parent: 1, start: 10, cpu: 1000})
	tree := &tree{proc: m.proc(), root: 100}
	tree.look(true)
	m.end(100)
	for _, thorough := range []bool{false, true} {
		tree.look(thorough)
		if u := tree.usage(); !u.Other || u.Processes != 0 || u.cpu != 0 {
			t.Errorf("%+v", u)
		}
	}
}

func TestBelowEndsInCircles(t *testing.T) {
	all := map[int]procfs.ProcStat{5: {PPID: 6}, 6: {PPID: 5}, 7: {PPID: 2}, 2: {PPID: 1}}
	if below(all, 5, 99) || below(all, 7, 99) || !below(all, 7, 2) {
		t.Error("a process is below one that it does not descend from, or not below its parent")
	}
}

// TestRealProcesses watches a real child that burns, and whose own child does.
func TestRealProcesses(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("there is no /proc")
	}
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), "WATCH_TEST_BURN=2")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = child.Process.Kill()
		_ = child.Wait() // it was killed
	}()
	seen := make(chan Reading, 1)
	w, err := Start(Options{PID: child.Process.Pid, Every: 20 * time.Millisecond, PacerTID: os.Getpid, OnSample: func(r Reading) {
		select {
		case seen <- r:
		default:
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	limit := time.After(burnFor)
	for both := false; !both; {
		select {
		case r := <-seen:
			both = r.Target.Processes == 2 && r.Target.Cores > 0
		case <-limit:
			t.Fatal("the child and its child were not both seen at work")
		}
	}
	w.Stop()
	r := between(w.Series(), time.Time{}, time.Now(), 10, 10)
	if r.Target == nil || r.Target.Cores <= 0 || r.Target.CPUPerRequest <= 0 || r.Target.RSSMax <= 0 || r.Target.PSSMax <= 0 || r.Target.Threads < 2 || r.Target.FDs < 3 || r.Target.Restarted {
		t.Errorf("the target is %+v", r.Target)
	}
	if r.Tool.PID != os.Getpid() || r.Tool.RSSMax <= 0 || r.Host.Busy <= 0 || r.Host.Busy > 1 {
		t.Errorf("the tool is %+v, the host %+v", r.Tool, r.Host)
	}
	if notes := w.Notes(); len(notes) > 0 {
		t.Errorf("notes: %q", notes)
	}
}
