package loadtest

import (
	"time"

	"sluice/internal/cputime"
	"sluice/loadtest/compare"
)

// blockMeter reads what two processes have used at the bounds of the blocks of a comparison. It
// owns a goroutine between start and stop.
type blockMeter struct {
	design *compare.Design
	pids   [2]int
	quit   chan struct{}
	done   chan []compare.CPU
}

func newBlockMeter(d *compare.Design, a, b int) *blockMeter {
	return &blockMeter{design: d, pids: [2]int{a, b}}
}

// start is told when the first instant was.
func (m *blockMeter) start(began time.Time) {
	if m.pids[0] == 0 || m.pids[1] == 0 {
		return
	}
	if m.pids[0] == m.pids[1] && m.design.Mode != compare.Block {
		return // one process serves both at once, and nobody knows for whom it works
	}
	m.quit, m.done = make(chan struct{}), make(chan []compare.CPU, 1)
	go func() { m.done <- m.read(began.Add(m.design.Warmup)) }()
}

// stop returns what was used in each block; nil if it is not known of every one.
func (m *blockMeter) stop() []compare.CPU {
	if m.done == nil {
		return nil
	}
	close(m.quit)
	return <-m.done
}

// read waits for each bound. The last answer may come before the last bound does; what is used
// until then is all that the block takes.
func (m *blockMeter) read(first time.Time) (blocks []compare.CPU) {
	var last [2]time.Duration
	for i := range m.design.Blocks + 1 {
		if !m.until(first.Add(time.Duration(i)*m.design.Block)) && i < m.design.Blocks {
			return nil
		}
		var now [2]time.Duration
		for k, pid := range m.pids {
			var err error
			if now[k], err = cputime.Process(pid); err != nil {
				return nil
			}
		}
		if i > 0 {
			blocks = append(blocks, compare.CPU{A: (now[0] - last[0]).Seconds(), B: (now[1] - last[1]).Seconds()})
		}
		last = now
	}
	return blocks
}

// until waits for an instant; false if the run ended before.
func (m *blockMeter) until(at time.Time) bool {
	select {
	case <-time.After(time.Until(at)):
		return true
	case <-m.quit:
		return time.Until(at) <= 0
	}
}
