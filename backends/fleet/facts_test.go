package fleet

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"sluice/backends/worker"
)

// TestFactsAreApart: what the worker, the sessions and the scheduler have to say of a device does not
// hide or undo what another says, and the scheduler is not told what it has said itself.
func TestFactsAreApart(t *testing.T) {
	c := newConditioned(t, "cuda:0", "cpu")
	defer c.finish(t)
	d := c.devices[0]
	leave := func(to worker.State, reason string) { d.change(func(s *state) { s.leave(to, reason) }) }
	d.Broken("5 batches failed")
	c.want(t, "a breaker opens", 0, "device cuda:0 takes no work: 5 batches failed")
	if err := d.Usable(); err == nil || err.Error() != "5 batches failed" {
		t.Errorf("a broken device takes sessions: %v", err)
	}
	leave(worker.Restarting, "signal: killed")
	c.want(t, "its process ends", 0, "device cuda:0 takes no work: signal: killed", "cuda:0 down: signal: killed")
	leave(worker.Up, "")
	c.want(t, "its process is back", 0, "device cuda:0 takes no work: 5 batches failed", "cuda:0 up")
	d.Restored()
	c.want(t, "the breaker closes", 0, "")
	leave(worker.Closed, "it ended 10 times")
	c.want(t, "a crash loop", 0, "device cuda:0 takes no work: its worker is closed: it ended 10 times", "cuda:0 down: its worker is closed: it ended 10 times")
	d.Restored()
	c.want(t, "a breaker that closes meanwhile", 0, "device cuda:0 takes no work: its worker is closed: it ended 10 times")
}

// TestIsolatedWorkerIsTold: readiness tells of the CPU's worker, and the CPU goes on taking work.
func TestIsolatedWorkerIsTold(t *testing.T) {
	c := newConditioned(t, "cpu")
	defer c.finish(t)
	f := func(what string, to worker.State, reason, want string) {
		t.Helper()
		c.isolated.leave(to, reason)
		c.want(t, what, 0, want)
		if got := c.devices[0].Away(true); got != want {
			t.Errorf("%s: models apart are told %q, want %q", what, got, want)
		}
		if got := c.devices[0].Away(false); got != "" {
			t.Errorf("%s: other models are told %q", what, got)
		}
		if err := c.devices[0].Usable(); err != nil {
			t.Errorf("%s: the CPU takes no sessions: %v", what, err)
		}
	}
	f("its process ends", worker.Restarting, "signal: killed", "device cpu for models with isolation: process takes no work: signal: killed")
	f("its process is back", worker.Up, "", "")
	f("a crash loop", worker.Closed, "it ended 10 times", "device cpu for models with isolation: process takes no work: its worker is closed: it ended 10 times")
}

// A model on a device waits for its worker, and not for its breaker, which closes by a request alone.
func TestAway(t *testing.T) {
	f, err := New(Options{Library: "/opt/lib/library.so", Devices: []Settings{{Name: "cuda:0"}}})
	if err != nil {
		t.Fatal(err)
	}
	d := f.devices[0]
	want := func(what, want string) {
		t.Helper()
		if got := d.Away(false); got != want {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	want("at first", "")
	d.change(func(s *state) { s.leave(worker.Closed, "no /opt/lib/library.so") })
	want("a crash loop", "device cuda:0 takes no work: its worker is closed: no library.so")
	d.change(func(s *state) { s.leave(worker.Up, "") })
	d.Broken("5 failed batches")
	want("its breaker is open", "")
}

// TestSchedulerIsToldInOrder: changes that come while the scheduler is being told are told after it, the
// last one last.
func TestSchedulerIsToldInOrder(t *testing.T) {
	f, err := New(Options{Devices: []Settings{{Name: "cuda:0"}}})
	if err != nil {
		t.Fatal(err)
	}
	slow := &slowScheduler{entered: make(chan struct{}), leave: make(chan struct{})}
	f.scheduler = slow
	d := f.devices[0]
	leave := func(to worker.State, reason string) { d.change(func(s *state) { s.leave(to, reason) }) }
	var telling sync.WaitGroup
	telling.Go(func() { leave(worker.Restarting, "first") })
	<-slow.entered
	leave(worker.Up, "")
	leave(worker.Restarting, "second")
	leave(worker.Up, "")
	close(slow.leave)
	telling.Wait()
	if got, want := fmt.Sprintf("%q", slow.told), `["down: first" "up"]`; got != want {
		t.Errorf("told %s, want %s", got, want)
	}
	if err := f.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// slowScheduler is being told for a while.
type slowScheduler struct {
	entered, leave chan struct{}
	told           []string
}

func (s *slowScheduler) OpenDevice(string) error {
	s.told = append(s.told, "up")
	return nil
}

func (s *slowScheduler) CloseDevice(_, why string) error {
	close(s.entered)
	<-s.leave
	s.told = append(s.told, "down: "+why)
	return nil
}
