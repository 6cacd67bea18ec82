package sim

import (
	"time"

	"sluice/batcher/policy"
	"sluice/internal/clock"
	"sluice/internal/cost"
)

// Scheduler is the gateway's own scheduler as a policy. It sees the simulation as the
// runtime sees the world: through Arrive, Next, Complete and Look.
type Scheduler struct {
	// Core is the scheduler that decides.
	Core *policy.Scheduler

	ids   []policy.ModelID // by model of the configuration
	model map[policy.ModelID]int
	items []*item          // free ones
	out   policy.Decisions // of the last call
	lost  []*Request       // by Complete; Tick tells
	calls []Lane           // for work that has moved; Tick tells of one at a time
}

// item is a request in the scheduler's hands.
type item struct {
	policy.Item
	request *Request
	runs    int // batches that it is in
}

// Tuning is what a configuration leaves open. The zero value is the default.
type Tuning struct {
	Options policy.SchedulerOptions
	// SpreadAfter is set for every device.
	SpreadAfter time.Duration
	// Fallback is set for every model.
	Fallback policy.Fallback
	// Prefer is set for every model.
	Prefer policy.Prefer
	// UnfairRows is set for every model.
	UnfairRows bool
	// Budgets and Weights are by model; nil means unknown and equal.
	Budgets []time.Duration
	Weights []float64
	// Seeds replaces the true curves by what a warm-up sweep would have found; by
	// model and device, nil means the truth.
	Seeds [][]cost.Curve
	// Sizes are the batch sizes that sessions take; nil means every size.
	Sizes []int
}

// NewScheduler returns a policy for the devices and models of a configuration.
func NewScheduler(cfg Config, tune Tuning) (*Scheduler, error) {
	s := &Scheduler{Core: policy.New(tune.Options), model: map[policy.ModelID]int{}}
	var devices []policy.DeviceID
	for _, d := range cfg.Devices {
		id, err := s.Core.AddDevice(policy.DeviceOptions{Name: d.Name, Kind: d.Kind, Lanes: d.Lanes, SpreadAfter: tune.SpreadAfter, FallbackShare: d.FallbackShare, Price: d.Price, Stage: d.Stage})
		if err != nil {
			return nil, err
		}
		devices = append(devices, id)
	}
	for i, m := range cfg.Models {
		opts := policy.ModelOptions{Name: m.Name, MaxBatch: m.MaxBatch, Fallback: tune.Fallback, Prefer: tune.Prefer, UnfairRows: tune.UnfairRows}
		if tune.Budgets != nil {
			opts.Budget = tune.Budgets[i]
		}
		if tune.Weights != nil {
			opts.Weight = tune.Weights[i]
		}
		for d, curve := range m.Curves {
			if curve == nil {
				continue
			}
			if tune.Seeds != nil {
				curve = tune.Seeds[i][d]
			}
			opts.Devices = append(opts.Devices, policy.ModelDevice{Device: devices[d], Curve: curve, Sizes: tune.Sizes})
		}
		id, err := s.Core.AddModel(opts)
		if err != nil {
			return nil, err
		}
		s.ids = append(s.ids, id)
		s.model[id] = i
	}
	return s, nil
}

// Arrive implements Policy.
func (s *Scheduler) Arrive(now clock.Instant, r *Request) (bool, Lane) {
	it := s.item()
	it.request, it.runs = r, 0
	it.Item = policy.Item{
		Model: s.ids[r.Model], Rows: r.Rows, Bytes: int64(r.Rows), Arrived: r.Arrived, Deadline: r.Deadline,
		Class: r.Class, Whole: r.Whole, Owner: it,
	}
	v := s.Core.Arrive(now, &it.Item, &s.out)
	if !v.Admitted {
		r.Reason, r.Retry = v.Reason, v.Retry
		s.release(&it.Item)
		return false, NoLane
	}
	r.handle = it
	return true, s.wake(it.Device)
}

// Cancel implements Canceler.
func (s *Scheduler) Cancel(now clock.Instant, r *Request) bool {
	it := r.handle.(*item)
	if it.request != r || !s.Core.Cancel(now, &it.Item) {
		return false
	}
	s.release(&it.Item)
	return true
}

// DeviceOf is where a request waits; the audit asks.
func (s *Scheduler) DeviceOf(r *Request) int { return int(r.handle.(*item).Device) }

// Next implements Policy.
func (s *Scheduler) Next(now clock.Instant, id Lane, b *Batch) bool {
	own, ok := b.handle.(*policy.Batch)
	if !ok {
		own = new(policy.Batch)
		b.handle = own
	}
	sealed := s.Core.Next(now, policy.DeviceID(id.Device), id.Lane, own, &s.out)
	b.Dropped = s.dropped(b.Dropped)
	b.Wake = s.wake(own.Device)
	if !sealed {
		return false
	}
	b.Model, b.Rows, b.Padded, b.Probe = s.model[own.Model], own.Rows, own.Bucket, own.Probe
	b.Hedge = own.Hedge
	for _, it := range own.Items {
		on := it.Owner.(*item)
		on.runs++
		b.Requests = append(b.Requests, on.request)
	}
	return true
}

// Complete implements Policy.
func (s *Scheduler) Complete(now clock.Instant, b *Batch, _ time.Duration) {
	own := b.handle.(*policy.Batch)
	s.Core.Complete(now, own, policy.Ran, &s.out)
	for _, it := range own.Items {
		on := it.Owner.(*item)
		if on.runs--; on.runs == 0 {
			s.release(it)
		}
	}
	s.lost = s.dropped(s.lost)
	s.wake(noDevice)
}

// TickAt implements Policy.
func (s *Scheduler) TickAt() clock.Instant {
	if len(s.lost) > 0 || len(s.calls) > 0 {
		return 0
	}
	return s.Core.Due()
}

// Tick implements Policy.
func (s *Scheduler) Tick(now clock.Instant, dropped []*Request) ([]*Request, Lane) {
	s.Core.Look(now, &s.out)
	for _, it := range s.out.Expired {
		r := s.release(it)
		r.Reason = policy.Expired
		dropped = append(dropped, r)
	}
	dropped = append(dropped, s.lost...)
	s.lost = s.lost[:0]
	dropped = s.dropped(dropped)
	s.wake(noDevice)
	if len(s.calls) == 0 {
		return dropped, NoLane
	}
	next := s.calls[0]
	s.calls = append(s.calls[:0], s.calls[1:]...)
	return dropped, next
}

// dropped appends the requests that the core has given up.
func (s *Scheduler) dropped(all []*Request) []*Request {
	for _, d := range s.out.Dropped {
		r := s.release(d.Item)
		r.Reason = d.Reason
		all = append(all, r)
	}
	return all
}

// noDevice is none.
const noDevice policy.DeviceID = -1

// wake is the lane of a device that the core wakes, at most one. Those of other devices are called
// with the next tick. That ends what the core has decided.
func (s *Scheduler) wake(on policy.DeviceID) Lane {
	own := NoLane
	for _, l := range s.out.Wake {
		if lane := (Lane{int(l.Device), l.Lane}); l.Device == on {
			own = lane
		} else {
			s.calls = append(s.calls, lane)
		}
	}
	s.out.Reset()
	return own
}

func (s *Scheduler) item() *item {
	if n := len(s.items); n > 0 {
		it := s.items[n-1]
		s.items = s.items[:n-1]
		return it
	}
	return new(item)
}

// release takes an item back that the core has let go of.
func (s *Scheduler) release(core *policy.Item) *Request {
	it := core.Owner.(*item)
	r := it.request
	it.request = nil
	s.items = append(s.items, it)
	return r
}
