package predlog

import "time"

// Stats are what a writer has done. All but Waiting and SpoolBytes only grow.
type Stats struct {
	// Seen were chosen by some rule, Written are in a spool or a Parquet file; with Dropped and Waiting they add up.
	Seen, Written uint64
	Dropped       [NumReasons]uint64
	Waiting       int64
	// SpoolBytes are those that wait to be converted.
	SpoolBytes int64
	// Files were converted, which has taken Converting.
	Files      uint64
	Converting time.Duration
}

// Stats may be called at any time.
func (w *Writer) Stats() Stats {
	s := Stats{
		Written:    w.written.Load(),
		SpoolBytes: w.liveBytes.Load() + w.spoolBytes.Load(), Files: w.files.Load(), Converting: time.Duration(w.converting.Load()),
	}
	_, s.Waiting = w.queue.load()
	for r := range w.dropped {
		s.Dropped[r] = w.dropped[r].Load()
	}
	s.Seen = w.seen.Load()
	return s
}

// numbers are what the writer has counted so far.
func (w *Writer) numbers() Numbers {
	n := Numbers{Requests: w.choose.requests.Load(), Seen: w.seen.Load()}
	for k := range n.Kinds {
		n.Kinds[k] = w.choose.kinds[k].Load()
	}
	for r := range n.Dropped {
		n.Dropped[r] = w.dropped[r].Load()
	}
	return n
}
