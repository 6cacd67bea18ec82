package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"sluice/backends/worker"
	"sluice/config"
	"sluice/internal/clock"
	"sluice/internal/task"
	"sluice/internal/tensor"
	"sluice/models/bundle"
)

// stubSession is a session that does nothing.
type stubSession struct{ rested *int }

func (stubSession) Run(int, []task.Part, clock.Instant) (task.Timing, error) {
	return task.Timing{}, nil
}
func (stubSession) Scatter(int, []task.Part) error { return nil }
func (stubSession) Schema() *tensor.Schema         { return nil }
func (stubSession) Close() error                   { return nil }
func (s stubSession) Rest(int)                     { *s.rested++ }

// conditioned is a fleet of these devices whose sessions and trials a test decides.
type conditioned struct {
	*fleet
	opens  map[string]error // nil opens
	rested int

	mu     sync.Mutex // of what retries see too
	usable map[string]bool
	tried  int
	told   []string
}

func newConditioned(t *testing.T, names ...string) *conditioned {
	t.Helper()
	cfg := config.Default()
	for _, name := range names {
		cfg.Devices = append(cfg.Devices, config.DefaultDevice(name))
	}
	f, err := newFleet(t.Context(), cfg, "", 1, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	c := &conditioned{fleet: f, opens: map[string]error{}, usable: map[string]bool{}}
	f.try = func(_ context.Context, d *config.Device) verdict {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.tried++
		return verdict{Device: d.Name, Usable: c.usable[d.Name], Missing: []string{d.Name + " lacks its library"}}
	}
	tell := func(text string) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.told = append(c.told, text)
	}
	f.onUp = func(name string) { tell(name + " up") }
	f.onDown = func(name, why string) { tell(name + " down: " + why) }
	return c
}

// finish ends what retries, and waits for it.
func (c *conditioned) finish() {
	c.end()
	c.retries.Wait()
}

// open loads a model on a device as the registry would; nil if it was not even tried.
func (c *conditioned) open(i int) (bundle.Session, error) {
	s := c.stations[i]
	if err := c.fleet.usable(s.device.Name); err != nil {
		return nil, err
	}
	return c.tell(s, func(context.Context, *bundle.Bundle) (bundle.Session, error) {
		if err := c.opens[s.device.Name]; err != nil {
			return nil, err
		}
		return stubSession{&c.rested}, nil
	})(context.Background(), nil)
}

func (c *conditioned) want(t *testing.T, what string, tried int, degraded string, told ...string) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if got := strings.Join(c.degraded(), "; "); got != degraded || c.tried != tried || fmt.Sprintf("%q", c.told) != fmt.Sprintf("%q", told) {
		t.Errorf("%s: degraded %q, tried %d times, told %q; want %q, %d, %q", what, got, c.tried, c.told, degraded, tried, told)
	}
	c.told = nil
}

var errNoProvider = errors.New("no such\n provider")

func TestUnusableDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newConditioned(t, "cuda:0", "cpu")
		defer c.finish()
		c.opens["cuda:0"], c.opens["cpu"] = errNoProvider, errors.New("a bad model")
		const why = "cuda:0 lacks its library"
		_, err := c.open(0)
		if failed, _ := task.DeviceFailed(err); !failed || !strings.Contains(err.Error(), why) {
			t.Errorf("the first model: %v", err)
		}
		c.want(t, "then", 1, "device cuda:0 takes no work: "+why, "cuda:0 down: "+why)
		if _, err := c.open(0); err == nil || err.Error() != why {
			t.Errorf("the second model: %v", err)
		}
		if _, err := c.open(1); !errors.Is(err, c.opens["cpu"]) {
			t.Errorf("on the CPU: %v", err)
		}
		c.want(t, "and said once, nothing of the CPU", 1, "device cuda:0 takes no work: "+why)
		if err := c.useless(); err != nil {
			t.Errorf("with a CPU: %v", err)
		}
		time.Sleep(retryFirst) // the clock is the test's own
		synctest.Wait()
		c.want(t, "tried again in vain", 2, "device cuda:0 takes no work: "+why)
		c.mu.Lock()
		c.usable["cuda:0"] = true
		c.mu.Unlock()
		time.Sleep(2 * retryFirst)
		synctest.Wait()
		c.want(t, "what was missing is there", 3, "", "cuda:0 up")
		c.opens["cuda:0"] = nil
		if _, err := c.open(0); err != nil {
			t.Error(err)
		}
		time.Sleep(2 * retryLast)
		synctest.Wait()
		c.want(t, "and all is well", 3, "")
	})
}

func TestBareDevice(t *testing.T) {
	c := newConditioned(t, "webgpu", "cpu")
	defer c.finish()
	c.usable["webgpu"] = true
	c.opens["webgpu"] = errors.New("an operator is not there")
	const why = "no model could be loaded on it: an operator is not there"
	for range 2 { // it is tried with each model
		if _, err := c.open(0); !errors.Is(err, c.opens["webgpu"]) && err.Error() != "the device failed: "+why {
			t.Error(err)
		}
	}
	c.want(t, "no session", 1, "device webgpu takes no work: "+why, "webgpu down: "+why)
	c.opens["webgpu"] = nil
	session, err := c.open(0)
	if err != nil {
		t.Fatal(err)
	}
	c.want(t, "one opens", 1, "", "webgpu up")
	c.opens["webgpu"] = errNoProvider
	if _, err := c.open(0); !errors.Is(err, errNoProvider) {
		t.Errorf("a model that fails beside one that runs: %v", err)
	}
	c.want(t, "that is the model's own", 1, "")
	session.(interface{ Rest(int) }).Rest(0)
	if c.rested != 1 {
		t.Error("a lane cannot rest")
	}
	for range 2 {
		if err := session.Close(); err != nil {
			t.Error(err)
		}
	}
	if open := c.stations[0].condition.open; open != 0 {
		t.Errorf("%d sessions are open", open)
	}
	if _, err := c.open(0); err == nil {
		t.Error("opened")
	}
	c.want(t, "and without a session it is bare again", 2, "device webgpu takes no work: no model could be loaded on it: no such provider",
		"webgpu down: no model could be loaded on it: no such provider")
	if err := c.useless(); err != nil {
		t.Error(err)
	}
}

func TestUselessDevices(t *testing.T) {
	c := newConditioned(t, "cuda:0", "cuda:1")
	defer c.finish()
	c.opens["cuda:0"], c.opens["cuda:1"] = errNoProvider, errNoProvider
	if err := c.useless(); err != nil {
		t.Errorf("before anything was tried: %v", err)
	}
	_, _ = c.open(0)
	if err := c.useless(); err != nil {
		t.Errorf("of two: %v", err)
	}
	_, _ = c.open(1)
	const want = "none of the devices can be used; add cpu to the setting devices, or see to what they lack: cuda:0: cuda:0 lacks its library; cuda:1: cuda:1 lacks its library"
	if err := c.useless(); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	c.setDown("cuda:1", "its worker is restarting")
	if c.restarted(c.stations[1]) || c.useless() == nil {
		t.Error("a new process makes a device usable that lacks its library")
	}
	c.told = nil
	c.want(t, "after a worker has started anew", 2, "device cuda:0 takes no work: cuda:0 lacks its library; device cuda:1 takes no work: cuda:1 lacks its library")
}

// What ends with the caller or with the worker tells nothing of the device.
func TestConditionIsLeftAlone(t *testing.T) {
	c := newConditioned(t, "cuda:0", "cpu")
	defer c.finish()
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	f := func(what string, ctx context.Context, err error, tried int) {
		t.Helper()
		open := c.tell(c.stations[0], func(context.Context, *bundle.Bundle) (bundle.Session, error) { return nil, err })
		if _, got := open(ctx, nil); !errors.Is(got, err) && tried == 0 {
			t.Errorf("%s: %v", what, got)
		}
		if c.tried != tried {
			t.Errorf("%s: tried %d times, want %d", what, c.tried, tried)
		}
	}
	of := func(err error) error { return &task.DeviceError{Sticky: true, Cause: fmt.Errorf("%w: it ended", err)} }
	f("a load that was stopped", ended, context.Canceled, 0)
	f("a worker that ended", t.Context(), of(worker.ErrDown), 0)
	f("a worker that hung", t.Context(), of(worker.ErrHung), 0)
	f("a worker that is busy", t.Context(), of(worker.ErrBusy), 0)
	c.want(t, "after all of them", 0, "")
	f("memory that ran out", t.Context(), &task.DeviceError{Cause: errors.New("out of memory")}, 1)
}
