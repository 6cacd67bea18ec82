package main

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"time"

	"sluice/backends/fake"
	"sluice/test/rig"
)

// signalWorker sends the device's process a signal.
func (b *broken) signalWorker(s syscall.Signal) {
	pid := b.Worker()
	if pid == 0 {
		b.t.must(errors.New("there is no worker process"))
	}
	b.t.must(syscall.Kill(pid, s))
}

// order tells the device what to do wrong from now on.
func (b *broken) order(o fake.Orders) { b.t.must(b.Order(o)) }

// mend ends what the device was ordered to do, loads the model anew and waits until the device is back.
func (b *broken) mend() {
	b.order(fake.Orders{})
	_, _, err := rig.Post(b.Admin, "/v2/repository/models/small/load", "")
	b.t.must(err)
	b.back("a fault")
}

// back waits until no device is out.
func (b *broken) back(after string) {
	const within = 15 * time.Second
	for begun := time.Now(); time.Since(begun) < within; time.Sleep(20 * time.Millisecond) {
		status, body, err := rig.Get(b.Predict, "/v2/health/ready")
		if err == nil && status == http.StatusOK && !strings.Contains(body, "degraded") && b.Worker() != 0 {
			return
		}
	}
	b.t.must(fmt.Errorf("the device was not back within %v after %s", within, after))
}

// hang is P4.
func (t *trial) hang() (v verdict) {
	b := t.breakable()
	defer b.End()
	stopProbes := t.probe("P4", b.Gateway)
	var stopped time.Duration
	records := under(b.Traffic(b.Gateway), func(since func() time.Duration) {
		stopped = since()
		b.signalWorker(syscall.SIGSTOP)
		time.Sleep(scaled(5 * time.Second))
	})
	stopProbes()
	// The first answer of the CPU to a request that was on its way or came after the stop.
	first := time.Duration(0)
	for i := range records {
		r := &records[i]
		if end := r.Due + r.Took; r.Outcome == rig.OK && strings.HasPrefix(r.Device, "cpu") && end >= stopped && (first == 0 || end-stopped < first) {
			first = end - stopped
		}
	}
	all := total(records)
	after := rig.Tally(records, stopped, stopped+time.Second, nil)
	exit, lost := t.endWhileHung()
	v.held = harmless(all) && all.Deadline == 0 && first > 0 && first <= rig.AcceleratedBudget && exit <= 5*time.Second && lost == 0
	v.figure = fmt.Sprintf("%d requests: %d lost or wrong, %d with 504, %d refused%s; first answer of the CPU %s after the stop; p99 of the next second %s of a budget of %s; SIGTERM while it hangs: exit in %s, %d lost",
		all.Sent, all.Lost+all.Wrong+all.Odd, all.Deadline, all.No, example(all), ms(first), ms(after.P99), ms(rig.AcceleratedBudget), ms(exit), lost)
	return v
}

// endWhileHung ends a gateway whose device hangs.
func (t *trial) endWhileHung() (exit time.Duration, lost int) {
	b := t.breakable()
	worker := b.Worker()
	var told time.Duration
	records := under(b.Traffic(b.Gateway), func(since func() time.Duration) {
		b.signalWorker(syscall.SIGSTOP)
		time.Sleep(50 * time.Millisecond)
		told = since()
		exit = t.stop(b.Gateway)
	})
	if syscall.Kill(worker, 0) == nil {
		t.must(errors.New("the stopped worker outlives the gateway"))
	}
	return exit, rig.Tally(records, 0, told, nil).Lost
}

// deviceErrors is P5.
func (t *trial) deviceErrors() (v verdict) {
	b := t.breakable()
	faults := []struct {
		name string
		do   func()
	}{
		{"runs that fail", func() { b.order(fake.Orders{Fail: true}) }},
		{"lack of memory", func() { b.order(fake.Orders{MemoryRows: 8}) }},
		{"lost memory", func() { b.order(fake.Orders{LoseMemory: true}) }},
		{"a kill", func() { b.signalWorker(syscall.SIGKILL) }},
	}
	rounds, slowest := times(3), time.Duration(0)
	records := under(b.Traffic(b.Gateway), func(func() time.Duration) {
		for range rounds {
			for _, fault := range faults {
				fault.do()
				time.Sleep(time.Second)
				b.order(fake.Orders{})
				begun := time.Now()
				b.back(fault.name)
				slowest = max(slowest, time.Since(begun))
			}
		}
	})
	all := total(records)
	v.held = harmless(all) && all.Deadline == 0
	v.figure = fmt.Sprintf("%d requests through %d faults: %d errors, %d wrong, %d with 504, %d refused%s; back on the device at most %s after a fault's end",
		all.Sent, rounds*len(faults), all.Lost+all.Odd+all.Refused, all.Wrong, all.Deadline, all.No, example(all), ms(slowest))
	return v
}
