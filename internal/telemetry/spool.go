package telemetry

import (
	"bytes"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// spoolBytes bounds the lines that wait while others are being written: some thousands.
const spoolBytes = 1 << 20

// Spool takes lines for a stream that somebody else reads, and never waits for the reader: one
// goroutine writes. A reader that has stopped (a full pipe, a terminal after Ctrl-S) costs the lines
// that no longer fit; one that has gone, or a full disk, costs those that come meanwhile. They are
// counted, and told once it writes again.
//
// What waits is lost when the process is killed. Whatever must be seen then, such as the text of a
// crash, does not go through a spool.
type Spool struct {
	out     io.Writer
	lost    func(lines uint64)
	dropped atomic.Uint64
	wake    chan struct{} // of size 1: lines wait
	stop    chan struct{}
	done    chan struct{}

	mu struct {
		sync.Mutex
		waiting []byte
	}

	// Of the goroutine that writes alone.
	taken []byte
	torn  bool   // the last line was written in part
	told  uint64 // of dropped
}

// NewSpool makes a spool; lines may be written to it before it is started.
func NewSpool(out io.Writer) *Spool {
	return &Spool{out: out, wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{})}
}

// Start begins to write. lost is told how many lines were lost since it was told last, and may write
// to the spool; it is called once lines have been written again.
func (s *Spool) Start(lost func(lines uint64)) {
	s.lost = lost
	go s.run()
}

// Write takes whole lines. It never fails and never waits.
func (s *Spool) Write(lines []byte) (int, error) {
	s.mu.Lock()
	fits := len(s.mu.waiting)+len(lines) <= spoolBytes
	if fits {
		s.mu.waiting = append(s.mu.waiting, lines...)
	}
	s.mu.Unlock()
	if !fits {
		s.drop(lines)
	}
	select {
	case s.wake <- struct{}{}:
	default: // one that has not been seen stands for this one too
	}
	return len(lines), nil
}

// Dropped is how many lines have been lost.
func (s *Spool) Dropped() uint64 { return s.dropped.Load() }

func (s *Spool) drop(lines []byte) { s.dropped.Add(uint64(bytes.Count(lines, []byte("\n")))) }

// Close writes what waits, for as long as it may take, and ends. A reader that has stopped keeps the
// goroutine.
func (s *Spool) Close(limit time.Duration) {
	close(s.stop)
	late := time.NewTimer(limit)
	defer late.Stop()
	select {
	case <-s.done:
	case <-late.C:
	}
}

func (s *Spool) run() {
	defer close(s.done)
	for {
		select {
		case <-s.wake:
			s.flush()
		case <-s.stop:
			s.flush()
			return
		}
	}
}

// flush writes until nothing waits.
func (s *Spool) flush() {
	for fine := false; ; {
		s.mu.Lock()
		s.taken, s.mu.waiting = s.mu.waiting, s.taken[:0]
		s.mu.Unlock()
		dropped := s.dropped.Load()
		tell := fine && dropped > s.told
		if tell { // now, when there is room for it
			s.lost(dropped - s.told)
			s.told = dropped
		}
		if len(s.taken) > 0 {
			fine = s.write(s.taken) == nil
		} else if !tell {
			return
		}
	}
}

func (s *Spool) write(lines []byte) error {
	if s.torn {
		if _, err := io.WriteString(s.out, "\n"); err != nil {
			s.drop(lines)
			return err
		}
	}
	n, err := s.out.Write(lines)
	s.torn = n > 0 && lines[n-1] != '\n'
	if err != nil {
		s.drop(lines[n:])
	}
	return err
}

// WatchLog names the function that a scrape asks how many lines of the log have been lost.
func (m *Metrics) WatchLog(dropped func() uint64) { m.logDropped.Store(&dropped) }

var descLogDropped = describe("sluice_log_dropped_total", "Lines of the log that were lost, because nobody read them in time, or they could not be written.")

func (m *Metrics) collectLog(ch chan<- prometheus.Metric) {
	if dropped := m.logDropped.Load(); dropped != nil {
		counter(ch, descLogDropped, float64((*dropped)()))
	}
}
