package policy

import (
	"time"

	"sluice/batcher/policy/costmodel"
	"sluice/internal/clock"
	"sluice/internal/task"
)

// Counts are a model's requests since it was added. Arrived is Admitted and Refused;
// Admitted is Dropped, Completed, Failed, and what waits or runs.
type Counts struct {
	Arrived, Admitted       uint64
	Refused, Dropped        [Reasons]uint64
	Completed, Late, Failed uint64 // Late ones are among Completed
}

// BatchCounts are the batches of a model on a device.
type BatchCounts struct {
	Batches, Items, Rows, Padding, Probes uint64
	// Sent are the items that came here, by why. Rescued ones were Sent elsewhere before,
	// Hedged ones are elsewhere too.
	Sent [Detours]uint64
	// Hedges are batches that were run for stuck ones elsewhere, HedgesWon their items that
	// were the first to be done.
	Hedges, HedgesWon uint64
}

// ModelStats is a model as it stands.
type ModelStats struct {
	Counts
	Rows, Items int // waiting
	Bytes       int64
	Closed      bool
	// Pressed: the first device is short of time and requests spill earlier. ModeChanges
	// counts how often that began or ended.
	Pressed     bool
	ModeChanges uint64
	Alone       bool            // fallback has been forbidden
	Devices     []InstanceStats // in order of preference
}

// InstanceStats is a model on one device as it stands.
type InstanceStats struct {
	BatchCounts
	Device DeviceID
	Name   string               // of the device
	Rows   [task.Priorities]int // waiting, by class
	Items  int
	Oldest time.Duration // longest wait among the items next in line
	Apart  int           // items that wait to run alone, since a batch of theirs failed
	costmodel.Stats
	RowsPerSecond float64 // arriving
	Target, Limit int
	Share         float64
}

// DeviceStats is a device as it stands.
type DeviceStats struct {
	Name         string
	Lanes, Busy  int
	Lent         int // further lanes with runs that take far too long; see DeviceOptions.Spares
	WaitingRows  int
	Load         float64 // share of its time that the arriving load needs
	PredictedEnd clock.Instant
	State        DeviceState
	Reason       string  // why it is not up
	Trips        uint64  // how often its breaker has opened
	Speed        float64 // as told from outside; 1 is usual
}

// ModelStats reports a model; it allocates and is for people and metrics.
func (s *Scheduler) ModelStats(now clock.Instant, id ModelID) (ModelStats, bool) {
	m := s.model(id)
	if m == nil {
		return ModelStats{}, false
	}
	stats := ModelStats{
		Counts: m.counts, Rows: m.rows, Items: m.items, Bytes: m.bytes, Closed: m.closed,
		Pressed: m.pressure.on, ModeChanges: m.pressure.changes, Alone: m.alone,
	}
	for _, in := range m.on {
		i := InstanceStats{
			BatchCounts: in.counts, Device: in.device.id, Name: in.device.opts.Name, Rows: in.rows, Items: in.items,
			Stats: in.cost.Stats(), RowsPerSecond: in.arrivals.mean,
			Target: in.target, Limit: in.limit, Share: in.share,
		}
		for _, g := range in.apart {
			if g != nil {
				i.Apart += g.items
			}
		}
		for c := range task.Priority(task.Priorities) {
			for _, g := range in.heads[c] {
				i.Oldest = max(i.Oldest, now.Sub(g.queues[c].head.Arrived))
			}
		}
		stats.Devices = append(stats.Devices, i)
	}
	return stats, true
}

// DeviceStats reports a device.
func (s *Scheduler) DeviceStats(id DeviceID) DeviceStats {
	d := s.devices[id]
	stats := DeviceStats{
		Name: d.opts.Name, Lanes: d.opts.Lanes, Busy: d.active, Lent: d.lent, Load: d.load, PredictedEnd: d.soonest(),
		State: d.state, Reason: d.reason, Trips: d.trips, Speed: d.speed,
	}
	for _, in := range d.busy {
		stats.WaitingRows += in.totalRows()
	}
	return stats
}

// Waiting reports whether anything waits for a device.
func (s *Scheduler) Waiting(id DeviceID) bool { return len(s.devices[id].busy) > 0 }

// Ahead is how long the longest of the next batches on a device would run: what its models
// have waiting, up to a full batch. 0 if nothing waits.
func (s *Scheduler) Ahead(id DeviceID) (run time.Duration) {
	for _, in := range s.devices[id].busy {
		run = max(run, in.cost.Latency(min(in.totalRows(), in.limit)))
	}
	return run
}

// Busy is how long every lane of every device is predicted to be busy yet; 0 if one is idle. An
// overdue lane, as one that does not get a processor, is taken to last as long again as it is
// overdue.
func (s *Scheduler) Busy(now clock.Instant) time.Duration {
	first := clock.Never
	for _, d := range s.devices {
		if d.active < d.opts.Lanes {
			return 0
		}
		for i := range d.lanes {
			first = min(first, d.lanes[i].free(now))
		}
	}
	if first == clock.Never {
		return 0
	}
	return max(first.Sub(now), 0)
}
