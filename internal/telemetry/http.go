package telemetry

import (
	"sync/atomic"

	"sluice/internal/fault"
)

// statusCells is one cell for each status that HTTP knows.
const statusCells = 600

// HTTP is the handle of the predict port as a whole.
type HTTP struct {
	cells cells // statuses, then faults by kind
	// Connections change rarely beside requests, so these are not sharded.
	open   atomic.Int64
	opened atomic.Uint64
	// Seldom, too.
	overruns atomic.Uint64
}

// Response counts an answer by its status.
func (h *HTTP) Response(status int) {
	if status < 0 || status >= statusCells {
		status = 0
	}
	h.cells.shard()[status].Add(1)
}

// Fault counts a request that was refused before it reached a model.
func (h *HTTP) Fault(kind fault.Kind) { h.cells.shard()[statusCells+int(kind)].Add(1) }

// Overran counts an answer that was ready in time and written late.
func (h *HTTP) Overran() { h.overruns.Add(1) }

// Opened counts a connection, Closed its end.
func (h *HTTP) Opened() { h.open.Add(1); h.opened.Add(1) }

// Closed counts a connection's end.
func (h *HTTP) Closed() { h.open.Add(-1) }
