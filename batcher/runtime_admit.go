package batcher

import (
	"time"

	"sluice/batcher/policy"
	"sluice/internal/clock"
	"sluice/internal/fault"
)

// admitRecheck is how long after a refusal Admit looks at the queue before a request is
// decoded. Otherwise it costs one atomic read.
const admitRecheck = 50 * time.Millisecond

// Refusing reports whether the model has lately refused requests, so that Admit may turn one away.
func (m *Model) Refusing() bool {
	last := clock.Instant(m.refused.Load())
	return last != 0 && clock.Now().Sub(last) <= admitRecheck
}

// Admit turns away a request that has not been decoded yet, if the model has lately refused
// others and would refuse this one whatever its priority. nil promises nothing. A request's budget
// counts from its arrival: a body that came slowly does not make the budget too short.
func (m *Model) Admit(arrived, deadline clock.Instant) error {
	if !m.Refusing() {
		return nil
	}
	now := clock.Now()
	m.b.mu.Lock()
	v := m.b.mu.sched.Preview(now, m.id, 1, arrived, deadline)
	m.b.mu.Unlock()
	if v.Admitted {
		return nil
	}
	m.refused.Store(int64(now))
	m.dropped(v.Reason)
	return m.refusal(arrived, deadline, now, v)
}

// Expect is how long a task of so many rows would take to its answer if it were submitted now; 0 if nothing takes it.
func (m *Model) Expect(rows int) time.Duration {
	now := clock.Now()
	m.b.mu.Lock()
	defer m.b.mu.Unlock()
	return m.b.mu.sched.Expect(now, m.id, rows)
}

func (m *Model) dropped(reason policy.Reason) {
	if m.spec.Dropped != nil {
		m.spec.Dropped(reason)
	}
}

// refusal is the fault of a request that came at arrived and was not admitted.
func (m *Model) refusal(arrived, deadline, now clock.Instant, v policy.Verdict) error {
	var f *fault.Error
	switch v.Reason {
	case policy.Closed:
		return fault.New(fault.Draining, "the server is shutting down or the model version is being replaced")
	case policy.Expired:
		return fault.New(fault.DeadlineExceeded, "the request's deadline passed before it could be queued")
	case policy.NoDevice:
		return errNoDevice
	case policy.Hanging:
		f = errHanging(m)
	case policy.QueueRows, policy.QueueBytes:
		f = fault.Newf(fault.Overloaded, "the queue of model '%s' is full (%s); predicted wait %s", m.spec.Name, v.Reason, shown(v.Wait))
	case policy.BudgetTooShort:
		return fault.Newf(fault.BudgetTooShort, "the model takes %s, the budget is %s: ask for more with Sluice-Budget-Ms or the timeout parameter, or set budget in the model's model.yaml",
			threeDigits(v.Takes), threeDigits(deadline.Sub(arrived)))
	default:
		f = fault.Newf(fault.Overloaded, "model '%s' is overloaded: an answer would come later than the budget left, %s; predicted wait in the queue %s", m.spec.Name, shown(deadline.Sub(now)), shown(v.Wait))
	}
	f.RetryAfter = v.Retry
	return f
}

func shown(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }

// threeDigits rounds to three significant digits, for people.
func threeDigits(d time.Duration) time.Duration {
	unit := time.Duration(1)
	for d/unit >= 1000 {
		unit *= 10
	}
	return d.Round(unit)
}
