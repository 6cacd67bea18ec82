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
func (b *broken) signalWorker(s syscall.Signal) error {
	pid := b.Worker()
	if pid == 0 {
		return errors.New("there is no worker process")
	}
	return syscall.Kill(pid, s)
}

// hang is P4.
func (d *drill) hang() (v verdict, err error) {
	b, err := d.breakable()
	if err != nil {
		return v, err
	}
	defer b.End()
	stopProbes, err := d.probe("P4", b.Gateway)
	if err != nil {
		return v, err
	}
	var stopped time.Duration
	records, err := under(b.Traffic(b.Gateway), func(since func() time.Duration) error {
		stopped = since()
		if err := b.signalWorker(syscall.SIGSTOP); err != nil {
			return err
		}
		time.Sleep(scaled(5 * time.Second))
		return nil
	})
	if err = errors.Join(err, stopProbes()); err != nil {
		return v, err
	}
	// The first answer of the CPU to a request that was on its way or came after the stop.
	first := time.Duration(0)
	for i := range records {
		r := &records[i]
		if end := r.Due + r.Took; r.Outcome == rig.OK && strings.HasPrefix(r.Device, "cpu") && end >= stopped && (first == 0 || end-stopped < first) {
			first = end - stopped
		}
	}
	all := rig.Tally(records, 0, rig.All, nil)
	after := rig.Tally(records, stopped, stopped+time.Second, nil)
	exit, lost, err := d.endWhileHung()
	if err != nil {
		return v, err
	}
	v.held = harmless(all) && all.Deadline == 0 && first > 0 && first <= rig.AcceleratedBudget && exit <= 5*time.Second && lost == 0
	v.figure = fmt.Sprintf("%d requests: %d lost or wrong, %d with 504, %d refused%s; first answer of the CPU %s after the stop; p99 of the next second %s of a budget of %s; SIGTERM while it hangs: exit in %s, %d lost",
		all.Sent, all.Lost+all.Wrong+all.Odd, all.Deadline, all.No, example(all), ms(first), ms(after.P99), ms(rig.AcceleratedBudget), ms(exit), lost)
	return v, nil
}

// endWhileHung ends a gateway whose device hangs.
func (d *drill) endWhileHung() (exit time.Duration, lost int, err error) {
	b, err := d.breakable()
	if err != nil {
		return 0, 0, err
	}
	worker := b.Worker()
	var told time.Duration
	records, err := under(b.Traffic(b.Gateway), func(since func() time.Duration) error {
		if err := b.signalWorker(syscall.SIGSTOP); err != nil {
			return err
		}
		time.Sleep(50 * time.Millisecond)
		told = since()
		exit, err = b.Stop(stopLimit)
		return err
	})
	if err != nil {
		return exit, 0, err
	}
	if syscall.Kill(worker, 0) == nil {
		return exit, 0, errors.New("the stopped worker outlives the gateway")
	}
	return exit, rig.Tally(records, 0, told, nil).Lost, nil
}

// deviceErrors is P5.
func (d *drill) deviceErrors() (v verdict, err error) {
	b, err := d.breakable()
	if err != nil {
		return v, err
	}
	defer b.Stop(stopLimit) //nolint:errcheck // the figures are in
	clear := fake.Orders{}
	faults := []struct {
		name string
		do   func() error
	}{
		{"every run fails", func() error { return b.Order(fake.Orders{Fail: true}) }},
		{"out of memory", func() error { return b.Order(fake.Orders{MemoryRows: 8}) }},
		{"memory lost", func() error { return b.Order(fake.Orders{LoseMemory: true}) }},
		{"killed", func() error { return b.signalWorker(syscall.SIGKILL) }},
	}
	slowest := time.Duration(0)
	records, err := under(b.Traffic(b.Gateway), func(func() time.Duration) error {
		for range times(3) {
			for _, f := range faults {
				if err := f.do(); err != nil {
					return fmt.Errorf("%s: %w", f.name, err)
				}
				time.Sleep(time.Second)
				if err := b.Order(clear); err != nil {
					return err
				}
				begun := time.Now()
				if err := b.back(15 * time.Second); err != nil {
					return fmt.Errorf("after %s: %w", f.name, err)
				}
				slowest = max(slowest, time.Since(begun))
			}
		}
		return nil
	})
	if err != nil {
		return v, err
	}
	all := rig.Tally(records, 0, rig.All, nil)
	v.held = harmless(all) && all.Deadline == 0
	v.figure = fmt.Sprintf("%d requests through %d faults: %d errors, %d wrong, %d with 504, %d refused%s; back on the device at most %s after a fault's end",
		all.Sent, times(3)*len(faults), all.Lost+all.Odd+all.Refused, all.Wrong, all.Deadline, all.No, example(all), ms(slowest))
	return v, nil
}

// back waits until no device is out.
func (b *broken) back(within time.Duration) error {
	for begun := time.Now(); time.Since(begun) < within; time.Sleep(20 * time.Millisecond) {
		status, body, err := rig.Get(b.Predict, "/v2/health/ready")
		if err == nil && status == http.StatusOK && !strings.Contains(body, "degraded") && b.Worker() != 0 {
			return nil
		}
	}
	return fmt.Errorf("the device was not back within %v", within)
}
