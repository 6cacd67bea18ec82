package main

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/procfs"

	"sluice/internal/memory"
)

// drillResult is what happened when the worker was killed.
type drillResult struct {
	Model string     `json:"model"`
	Rate  float64    `json:"rate_per_s"`
	Load  openResult `json:"load"`
	// Devices are the asker's answers of 200 by what Sluice-Device says.
	Devices map[string]int `json:"answers_by_device"`
	// Meanwhile are the answers with 200 between the kill and the first from the device.
	Meanwhile int `json:"answers_meanwhile"`
	// Gap is the longest time without an answer of 200, Back the time from the kill to the
	// device's next answer, 0 if there was none.
	GapMillis  float64 `json:"longest_gap_ms"`
	BackMillis float64 `json:"device_back_ms"`
}

const (
	// backWithin is how soon the device must serve again.
	backWithin = 5 * time.Second
	// lateShare is the share of answers that may be late in the run with the fault.
	lateShare = 0.001
	askEvery  = 20 * time.Millisecond
)

// drill kills the device's worker under load.
func (c *gpuCheck) drill() (any, error) {
	models, err := c.bundles()
	if err != nil {
		return nil, err
	}
	model := models[0]
	gateway, err := c.start(model, true)
	if err != nil {
		return nil, err
	}
	defer func() {
		gateway.stop()
		c.keep(gateway, "gateway-drill.log")
	}()
	worker, err := workerOf(gateway.pid, c.device)
	if err != nil {
		if c.device == "cpu" {
			c.find("drill", skipped, "the CPU runs in the gateway's own process: there is no worker to kill")
			return nil, nil
		}
		return nil, err
	}
	budget, rate := c.drillLoad(model)
	to, err := c.ask(gateway, model, budget)
	if err != nil {
		return nil, err
	}
	out := &drillResult{Model: model, Rate: rate}
	if err := c.underLoad(to, worker, budget, out); err != nil {
		return out, err
	}
	c.drillFindings(out)
	left := childrenOf(gateway.pid)
	had := len(left)
	gateway.stop()
	for end := time.Now().Add(time.Second); len(left) > 0 && time.Now().Before(end); { // one that was killed takes a moment to end
		time.Sleep(10 * time.Millisecond)
		left = slices.DeleteFunc(left, func(pid int) bool { return !alive(pid) })
	}
	c.judge(len(left) == 0, "nothing left", "of %d child processes %d outlived the gateway by a second", had, len(left))
	return out, nil
}

// drillLoad is half of what the device was found to do, or some requests a second where
// nothing was found, and a budget within which the CPU can answer too.
func (c *gpuCheck) drillLoad(model string) (budget time.Duration, rate float64) {
	rate, budget = 20, 500*time.Millisecond
	var loads map[string]*loadResult
	if c.data("load", &loads) && loads[model] != nil && loads[model].Best != nil {
		rate = min(2000, loads[model].Best.Good/2)
		budget = max(budget, time.Duration(2*loads[model].BudgetMillis*float64(time.Millisecond)))
	}
	return budget, rate
}

// underLoad runs the load tester, which compares the answers of either device, asks on a
// connection of its own, and kills the worker when the device has answered for a while.
func (c *gpuCheck) underLoad(to asked, worker int, budget time.Duration, out *drillResult) error {
	const warm, before = 300 * time.Millisecond, 2 * time.Second
	after := cmp.Or(c.drillLength, pick(c.bench, 15*time.Second, 6*time.Second))
	loaded := make(chan error, 1)
	go func() {
		var err error
		out.Load, err = c.generate(to, out.Rate, warm, before+after, budget)
		loaded <- err
	}()
	w := watcher{device: c.device, answers: map[string]int{}, renewed: func() bool {
		pid, err := workerOf(to.pid, c.device)
		return err == nil && pid != worker
	}}
	err := w.follow(to, before, after, func() error {
		if err := syscall.Kill(worker, syscall.SIGKILL); err != nil {
			return fmt.Errorf("cannot kill the worker %d: %w", worker, err)
		}
		for end := time.Now().Add(5 * time.Second); alive(worker); {
			if time.Now().After(end) {
				return fmt.Errorf("the worker %d did not die", worker)
			}
			time.Sleep(time.Millisecond)
		}
		return nil
	})
	err = errors.Join(err, <-loaded)
	if err == nil && w.killed.Before(out.Load.begun) {
		err = errors.New("the worker was killed before the load began: the machine is too busy for the drill")
	}
	out.Devices, out.Meanwhile = w.answers, w.meanwhile
	out.GapMillis, out.BackMillis = round(millis(w.gap), 1), round(millis(w.back), 1)
	return err
}

func (c *gpuCheck) drillFindings(out *drillResult) {
	l := &out.Load
	c.judge(l.Lost == 0, "nothing lost", "%d of %d requests were lost at %.0f requests/s; %v; none of %d answers is wrong", l.Lost, l.Requests, out.Rate, l.Status, l.Checked)
	late := float64(l.LateOKs) / float64(max(l.Requests, 1))
	c.judge(late <= lateShare, "in time", "%d answers came late (%.2f %%; %.1f %% may)", l.LateOKs, 100*late, 100*lateShare)
	c.judge(out.Meanwhile > 0, "answers go on", "%d answers while the device was away, none for at most %.0f ms; by device %v", out.Meanwhile, out.GapMillis, out.Devices)
	if out.BackMillis == 0 {
		c.find("device back", failed, "it did not answer again")
		return
	}
	c.judge(out.BackMillis <= millis(backWithin), "device back", "after %.2f s; %v is the most", out.BackMillis/1e3, backWithin)
}

// watcher asks again and again and keeps what it sees of the device.
type watcher struct {
	device string
	// renewed tells whether the device has another worker.
	renewed   func() bool
	answers   map[string]int // of 200s by what Sluice-Device says
	meanwhile int
	gap, back time.Duration
	killed    time.Time
}

// follow asks for a while, injects the fault, and asks on until the time is over.
func (w *watcher) follow(to asked, before, after time.Duration, inject func() error) error {
	conn, err := net.DialTimeout("tcp", to.addr, askLimit)
	if err != nil {
		return fmt.Errorf("cannot ask the gateway: %w", err)
	}
	defer conn.Close()
	fault := time.Now().Add(before)
	var gone, last time.Time
	for end := fault.Add(after); time.Now().Before(end); time.Sleep(askEvery) {
		if gone.IsZero() && time.Now().After(fault) {
			if w.answers[w.device] == 0 {
				return fmt.Errorf("%s has not answered before the fault: %v", w.device, w.answers)
			}
			w.killed = time.Now()
			if err := inject(); err != nil {
				return err
			}
			gone, last = w.killed, time.Now()
		}
		a, err := exchange(conn, to.wire)
		if err != nil {
			return fmt.Errorf("a request had no answer: %w", err)
		}
		device, reason := deviceOf(a.header)
		w.see(a.status, device, reason, gone, &last)
	}
	return nil
}

// see counts an answer. After the fault one that names the device counts only if the device
// has another worker.
func (w *watcher) see(status int, device, reason string, gone time.Time, last *time.Time) {
	if status != http.StatusOK {
		return
	}
	now := time.Now()
	name := device
	if reason != "" {
		name += ";reason=" + reason
	}
	w.answers[name]++
	if gone.IsZero() {
		return
	}
	w.gap = max(w.gap, now.Sub(*last))
	*last = now
	switch {
	case w.back > 0:
	case device != w.device:
		w.meanwhile++
	case w.renewed():
		w.back = now.Sub(gone)
	}
}

// workerOf finds the child that runs the device: of several the one that names it.
func workerOf(gateway int, device string) (int, error) {
	found := 0
	for _, pid := range childrenOf(gateway) {
		args, err := commandLine(pid)
		if err != nil || len(args) < 2 || args[1] != "worker" {
			continue
		}
		if found == 0 || strings.Contains(strings.Join(args, " "), device) {
			found = pid
		}
	}
	if found == 0 {
		return 0, fmt.Errorf("the gateway has no child process `worker`: is %s isolated?", device)
	}
	return found, nil
}

func commandLine(pid int) ([]string, error) {
	p, err := procfs.NewProc(pid)
	if err != nil {
		return nil, err
	}
	return p.CmdLine()
}

// childrenOf lists the living children of a process.
func childrenOf(parent int) []int {
	return slices.DeleteFunc(memory.Children(parent), func(pid int) bool { return !alive(pid) })
}

// alive tells whether a process runs; one that is only waited for does not.
func alive(pid int) bool {
	p, err := procfs.NewProc(pid)
	if err != nil {
		return false
	}
	s, err := p.Stat()
	return err == nil && s.State != "Z" && s.State != "X"
}
