package telemetry

import (
	"sync/atomic"

	"sluice/internal/fault"
)

// statusCells is one cell for each status that HTTP knows.
const statusCells = 600

// HTTP is the handle of the predict port as a whole, and the front end's observer.
type HTTP struct {
	cells cells // statuses, then faults by kind
	// Connections change rarely beside requests, so these are not sharded.
	open   atomic.Int64
	opened atomic.Uint64
	// Seldom, too.
	overruns atomic.Uint64
}

// Answered counts an answer by its status.
func (h *HTTP) Answered(status int) {
	if status < 0 || status >= statusCells {
		status = 0
	}
	h.cells.shard()[status].Add(1)
}

// Refused counts a request that was refused before it reached a model.
func (h *HTTP) Refused(kind fault.Kind) { h.cells.shard()[statusCells+int(kind)].Add(1) }

// Overran counts an answer that was ready in time and written late.
func (h *HTTP) Overran() { h.overruns.Add(1) }

// Connected counts a connection that begins (1) or ends (-1).
func (h *HTTP) Connected(delta int) {
	h.open.Add(int64(delta))
	if delta > 0 {
		h.opened.Add(1)
	}
}
