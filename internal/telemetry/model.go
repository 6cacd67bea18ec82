package telemetry

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"sluice/internal/fault"
)

// Model is the handle of one model version. Any number of goroutines may use it.
type Model struct {
	name, version string
	maxRows       int
	cells         cells
	loadSeconds   atomic.Uint64 // bits of a float64
	queue         atomic.Pointer[func() QueueState]
	routes        atomic.Pointer[func() Routing]
	compared      atomic.Pointer[func() Compared]
	features      atomic.Pointer[func() []FeatureValues]
	rungs         atomic.Pointer[[]string]

	mu struct {
		sync.Mutex
		devices []*Device
	}
}

// The cells of a Model: sums first, then one counter for each outcome, drop and fault,
// then the histograms.
const (
	cellRows = iota
	cellInput
	cellRun
	cellOutput
	cellInTime
	cellLate
	cellFailNs
	cellUnit
	cellNoUnit
	cellFilled
	cellDegraded
	cellRungs  // one for each rung of a ladder, and one for none
	cellDrops  = cellRungs + maxRungs + 1
	cellFaults = cellDrops + len(dropNames)
)

var (
	faultKinds  = len(fault.Kinds()) + 1
	cellDecode  = cellFaults + faultKinds
	cellQueue   = cellDecode + durations.size()
	cellEncode  = cellQueue + durations.size()
	cellRequest = cellEncode + durations.size()
	modelCells  = cellRequest + durations.size()
)

// Request is how an answered request spent its time.
type Request struct {
	Rows int
	// Late says that the answer came after the deadline.
	Late bool
	// Total is from arrival to the written answer; the others are its parts. Input is
	// gathering the batch, Run the session, Output scattering, all of the whole batch.
	Total, Decode, Queue, Input, Run, Output, Encode time.Duration
}

// ObserveRequest counts an answered request.
func (m *Model) ObserveRequest(r *Request) {
	shard := m.cells.shard()
	shard[cellRows].Add(uint64(r.Rows))
	shard[cellInput].Add(uint64(max(r.Input, 0)))
	shard[cellRun].Add(uint64(max(r.Run, 0)))
	shard[cellOutput].Add(uint64(max(r.Output, 0)))
	// Two counters, and not late ones taken from all: a difference of two counters can
	// fall between two scrapes, and a counter that falls is taken for a restart.
	if r.Late {
		shard[cellLate].Add(1)
	} else {
		shard[cellInTime].Add(1)
	}
	observeDuration(shard, cellDecode, r.Decode)
	observeDuration(shard, cellQueue, r.Queue)
	observeDuration(shard, cellEncode, r.Encode)
	observeDuration(shard, cellRequest, r.Total)
}

// ObserveFault counts a request of this model that was not answered with a result.
func (m *Model) ObserveFault(kind fault.Kind, total time.Duration) {
	shard := m.cells.shard()
	shard[cellFaults+int(kind)].Add(1)
	shard[cellFailNs].Add(uint64(max(total, 0)))
}

// ObserveSplit counts a request for which the version was chosen while its model had a canary; known says that it
// had a unit.
func (m *Model) ObserveSplit(known bool) {
	cell := cellUnit
	if !known {
		cell = cellNoUnit
	}
	m.cells.shard()[cell].Add(1)
}

// dropNames are the reasons for which the scheduler refuses or gives up a request.
var dropNames = [...]string{
	"queue_rows", "queue_bytes", "predicted_late", "expired", "closed", "cancelled", "no_device", "budget_too_short", "hanging", "displaced",
}

// Drop counts a request that the scheduler refused or gave up, and reports whether the reason is one
// that is known.
func (m *Model) Drop(reason string) bool {
	i := slices.Index(dropNames[:], reason)
	if i >= 0 {
		m.cells.shard()[cellDrops+i].Add(1)
	}
	return i >= 0
}

// QueueState is what waits for a model at one moment.
type QueueState struct {
	Requests int
	Rows     int
	Bytes    int64
	// Oldest is how long the longest-waiting request has waited.
	Oldest time.Duration
}

// WatchQueue sets who is asked, at each scrape, for the state of the model's queue.
func (m *Model) WatchQueue(state func() QueueState) { m.queue.Store(&state) }
