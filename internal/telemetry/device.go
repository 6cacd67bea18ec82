package telemetry

import (
	"sync/atomic"
	"time"
)

// Device is the handle of a model version on one device.
type Device struct {
	model *Model
	name  string
	cells cells
	// sizes counts by batch size, 0 to the model's largest. Batches are rare beside
	// requests, so these are not sharded.
	sizes []sizeCells
	// last is the wall-clock time of the last batch, in milliseconds since 1970.
	last atomic.Int64
}

type sizeCells struct{ count, input, run, output atomic.Uint64 }

// The cells of a Device.
const (
	cellBatchFailed = iota
	cellBatchFailedRun
	cellBatchRows
)

var (
	cellBatchRun   = cellBatchRows + batchRows.size()
	cellBatchRatio = cellBatchRun + durations.size()
	cellBatchBound = cellBatchRatio + ratios.size()
	deviceCells    = cellBatchBound + ratios.size()
)

// Device returns the model's handle on a device, the same for the same name. Resolve
// it once: it takes a lock.
func (m *Model) Device(name string) *Device {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.mu.devices {
		if d.name == name {
			return d
		}
	}
	d := &Device{model: m, name: name, cells: newCells(deviceCells), sizes: make([]sizeCells, m.maxRows+1)}
	m.mu.devices = append(m.mu.devices, d)
	return d
}

func (m *Model) devices() []*Device {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.mu.devices[:len(m.mu.devices):len(m.mu.devices)]
}

// Batch is how one batch went.
type Batch struct {
	Rows int
	// Input is gathering, Run the session, Output scattering.
	Input, Run, Output time.Duration
	// Predicted is what the scheduler expected of the three together, and Bound what it held
	// deadlines against; 0 if nothing.
	Predicted, Bound time.Duration
	Failed           bool
}

// ObserveBatch counts a batch that has run.
func (d *Device) ObserveBatch(b *Batch) {
	shard := d.cells.shard()
	d.last.Store(time.Now().UnixMilli())
	if b.Failed {
		shard[cellBatchFailed].Add(1)
		shard[cellBatchFailedRun].Add(uint64(max(b.Run, 0)))
		return
	}
	shard[cellBatchRows].Add(uint64(b.Rows))
	shard[cellBatchRows+1+batchRows.index(float64(b.Rows))].Add(1)
	observeDuration(shard, cellBatchRun, b.Run)
	took := b.Input + b.Run + b.Output
	observeRatio(shard, cellBatchRatio, took, b.Predicted)
	observeRatio(shard, cellBatchBound, took, b.Bound)
	size := &d.sizes[min(max(b.Rows, 0), len(d.sizes)-1)]
	size.count.Add(1)
	size.input.Add(uint64(max(b.Input, 0)))
	size.run.Add(uint64(max(b.Run, 0)))
	size.output.Add(uint64(max(b.Output, 0)))
}

// rows are those of all batches that have run well.
func (d *Device) rows() uint64 { return d.cells.sum(cellBatchRows) }

// busy is how long batches have run, those too that failed.
func (d *Device) busy() time.Duration {
	return time.Duration(d.cells.sum(cellBatchRun) + d.cells.sum(cellBatchFailedRun))
}

// observeRatio counts a measured time over what was expected of it, if anything was.
func observeRatio(shard []atomic.Uint64, cell int, took, expected time.Duration) {
	if expected <= 0 {
		return
	}
	ratio := float64(took) / float64(expected)
	shard[cell].Add(uint64(max(ratio, 0) * 1e6))
	shard[cell+1+ratios.index(ratio)].Add(1)
}
