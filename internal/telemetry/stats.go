package telemetry

import (
	"time"

	"sluice/internal/fault"
)

// Count is how often something happened and how long it took in all.
type Count struct {
	Count uint64
	Total time.Duration
}

// SizeStats are the batches of one size.
type SizeStats struct {
	Rows               int
	Input, Run, Output Count
}

// Stats are the sums of a model version since it was loaded, as the statistics
// endpoint wants them. Times are sums over requests, except in Sizes, over batches.
type Stats struct {
	// LastBatch is the wall-clock time of the last batch, in milliseconds since 1970; 0 if none ran.
	LastBatch int64
	// Rows are the rows of answered requests, Batches the successful runs.
	Rows, Batches      uint64
	Success, Fail      Count
	Queue              Count
	Input, Run, Output Count
	// Sizes are the batch sizes that were run, ascending, over all devices.
	Sizes []SizeStats
}

// Stats sums up the model version.
func (m *Model) Stats() Stats {
	request := m.cells.read(durations, cellRequest)
	answered := request.count()
	timed := func(cell int) Count { return Count{answered, time.Duration(m.cells.sum(cell))} }
	s := Stats{
		Rows:    m.cells.sum(cellRows),
		Success: Count{answered, time.Duration(request.sum)},
		Fail:    Count{m.failed(), time.Duration(m.cells.sum(cellFailNs))},
		Queue:   timed(cellQueue),
		Input:   timed(cellInput),
		Run:     timed(cellRun),
		Output:  timed(cellOutput),
	}
	devices := m.devices()
	for _, d := range devices {
		s.LastBatch = max(s.LastBatch, d.last.Load())
	}
	for rows := range m.maxRows + 1 {
		size := SizeStats{Rows: rows}
		for _, d := range devices {
			size.add(&d.sizes[rows])
		}
		if size.Run.Count > 0 {
			s.Sizes = append(s.Sizes, size)
			s.Batches += size.Run.Count
		}
	}
	return s
}

func (s *SizeStats) add(c *sizeCells) {
	n := c.count.Load()
	for _, part := range []struct {
		into *Count
		ns   uint64
	}{{&s.Input, c.input.Load()}, {&s.Run, c.run.Load()}, {&s.Output, c.output.Load()}} {
		part.into.Count += n
		part.into.Total += time.Duration(part.ns)
	}
}

func (m *Model) faults(kind fault.Kind) uint64 { return m.cells.sum(cellFaults + int(kind)) }

func (m *Model) failed() (n uint64) {
	for kind := range faultKinds {
		n += m.cells.sum(cellFaults + kind)
	}
	return n
}
