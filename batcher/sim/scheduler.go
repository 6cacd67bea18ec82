package sim

import (
	"time"

	"sluice/batcher"
	"sluice/internal/clock"
	"sluice/internal/cost"
)

// Scheduler is the gateway's own scheduler as a policy. It sees the simulation as the
// runtime sees the world: through Arrive, Next, Complete, Expire and Wake.
type Scheduler struct {
	// Core is the scheduler that decides.
	Core *batcher.Scheduler

	ids   []batcher.ModelID // by model of the configuration
	model map[batcher.ModelID]int
	items []*item // free ones
	out   []*batcher.Item
	drops []batcher.Drop
	lost  []*Request // by Complete; Tick tells
}

// item is a request in the scheduler's hands.
type item struct {
	batcher.Item
	request *Request
	runs    int // batches that it is in
}

// Tuning is what a configuration leaves open. The zero value is the default.
type Tuning struct {
	Options batcher.SchedulerOptions
	// SpreadAfter is set for every device.
	SpreadAfter time.Duration
	// Fallback is set for every model.
	Fallback batcher.Fallback
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
	s := &Scheduler{Core: batcher.New(tune.Options), model: map[batcher.ModelID]int{}}
	var devices []batcher.DeviceID
	for _, d := range cfg.Devices {
		id, err := s.Core.AddDevice(batcher.DeviceOptions{Name: d.Name, Kind: d.Kind, Lanes: d.Lanes, SpreadAfter: tune.SpreadAfter, FallbackShare: d.FallbackShare, Stage: d.Stage})
		if err != nil {
			return nil, err
		}
		devices = append(devices, id)
	}
	for i, m := range cfg.Models {
		opts := batcher.ModelOptions{Name: m.Name, MaxBatch: m.MaxBatch, Fallback: tune.Fallback, UnfairRows: tune.UnfairRows}
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
			opts.Devices = append(opts.Devices, batcher.ModelDevice{Device: devices[d], Curve: curve, Sizes: tune.Sizes})
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
	it.Item = batcher.Item{
		Model: s.ids[r.Model], Rows: r.Rows, Bytes: int64(r.Rows), Arrived: r.Arrived, Deadline: r.Deadline,
		Class: r.Class, Whole: r.Whole, Owner: it,
	}
	v := s.Core.Arrive(now, &it.Item)
	if !v.Admitted {
		r.Reason, r.Retry = v.Reason, v.Retry
		s.release(&it.Item)
		return false, NoLane
	}
	r.handle = it
	return true, lane(v.Wake)
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
	own, ok := b.handle.(*batcher.Batch)
	if !ok {
		own = new(batcher.Batch)
		b.handle = own
	}
	sealed := s.Core.Next(now, batcher.DeviceID(id.Device), id.Lane, own)
	for _, d := range own.Dropped {
		b.Dropped = append(b.Dropped, s.give(d))
	}
	b.Wake = lane(own.Wake)
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
	own := b.handle.(*batcher.Batch)
	s.Core.Complete(now, own, batcher.Ran)
	for _, it := range own.Items {
		on := it.Owner.(*item)
		if on.runs--; on.runs == 0 {
			s.release(it)
		}
	}
	for _, d := range own.Dropped {
		s.lost = append(s.lost, s.give(d))
	}
}

// TickAt implements Policy.
func (s *Scheduler) TickAt() clock.Instant {
	if len(s.lost) > 0 {
		return 0
	}
	return min(s.Core.NextWake(), s.Core.NextWatch(), s.Core.NextDeadline())
}

// Tick implements Policy.
func (s *Scheduler) Tick(now clock.Instant, dropped []*Request) ([]*Request, Lane) {
	s.out = s.Core.Expire(now, s.out[:0])
	for _, it := range s.out {
		r := s.release(it)
		r.Reason = batcher.Expired
		dropped = append(dropped, r)
	}
	dropped = append(dropped, s.lost...)
	s.lost = s.lost[:0]
	if s.Core.NextWatch() <= now {
		s.drops = s.Core.Watch(now, s.drops[:0])
		for _, d := range s.drops {
			dropped = append(dropped, s.give(d))
		}
	}
	if s.Core.NextWake() > now {
		return dropped, NoLane
	}
	return dropped, lane(s.Core.Wake(now))
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
func (s *Scheduler) release(core *batcher.Item) *Request {
	it := core.Owner.(*item)
	r := it.request
	it.request = nil
	s.items = append(s.items, it)
	return r
}

// give is the request of an item that the core has given up.
func (s *Scheduler) give(d batcher.Drop) *Request {
	r := s.release(d.Item)
	r.Reason = d.Reason
	return r
}

func lane(l batcher.Lane) Lane {
	if l.Lane < 0 {
		return NoLane
	}
	return Lane{int(l.Device), l.Lane}
}
