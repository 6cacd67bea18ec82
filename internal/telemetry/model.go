package telemetry

import (
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
	cellDrops
	cellFaults = cellDrops + int(drops)
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

// Drop is why the scheduler refused or gave up a request.
type Drop uint8

// The reasons of Drop; the set is closed.
const (
	DropQueueRows      Drop = iota // the bound on waiting rows
	DropQueueBytes                 // the bound on waiting bytes
	DropPredictedLate              // no device was predicted to make the deadline
	DropExpired                    // the deadline passed in the queue
	DropClosed                     // the model takes no more requests
	DropCancelled                  // the caller went away
	DropNoDevice                   // no device that the model may use takes work
	DropBudgetTooShort             // the budget is shorter than what the rows take
	DropHanging                    // runs of the model take far too long
	DropDisplaced                  // requests of a higher class took its place
	drops
)

var dropNames = [drops]string{
	DropQueueRows: "queue_rows", DropQueueBytes: "queue_bytes", DropPredictedLate: "predicted_late",
	DropExpired: "expired", DropClosed: "closed", DropCancelled: "cancelled",
	DropNoDevice: "no_device", DropBudgetTooShort: "budget_too_short", DropHanging: "hanging",
	DropDisplaced: "displaced",
}

// Drop counts a request that the scheduler refused or gave up.
func (m *Model) Drop(reason Drop) { m.cells.shard()[cellDrops+int(reason)].Add(1) }

// DropNamed is Drop for a scheduler that names its reasons; it reports whether the name is one.
func (m *Model) DropNamed(name string) bool {
	for reason, known := range dropNames {
		if known == name {
			m.Drop(Drop(reason))
			return true
		}
	}
	return false
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
