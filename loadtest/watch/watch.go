package watch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"sluice/loadtest/result"
)

// Options say what to watch. Zero means the default said in each comment.
type Options struct {
	// PID is the target's process; default 0: it is not known, or not on this machine.
	PID int
	// MetricsURL is where the target tells its metrics; default "": nowhere.
	MetricsURL string
	// PacerTID tells the id of the tool's thread that sends, 0 while there is none. Default:
	// that thread is not told from the others.
	PacerTID func() int
	// Every is the time between readings; default 1 s, and not less than 10 ms.
	Every time.Duration
	// OnSample hears of each reading, on the goroutine that reads. Default nobody.
	OnSample func(Reading)

	files files // default "/"
}

const (
	defaultEvery = time.Second
	leastEvery   = 10 * time.Millisecond
	// thoroughEvery readings one looks for new processes and reads what is expensive.
	thoroughEvery = 5
)

// Reading is what happened in the time before an instant.
type Reading struct {
	// At is the end of the interval and Span its length.
	At   time.Time
	Span time.Duration
	// Tool is this process. Target is zero if no process is watched.
	Tool, Target Usage
	// Pacing is of the thread that sends; nil if it is not known.
	Pacing *Pacing
	// GCPause is the longest stop of the tool's own collector.
	GCPause time.Duration
	// Host is nil where the system does not tell.
	Host *result.Host
	// Rates are what the target's metrics say; nil if they could not be read this time. They
	// count from the last time that they could, RatesSpan before At.
	Rates     *Rates
	RatesSpan time.Duration
}

// Usage is what a process, and for a target all below it, used.
type Usage struct {
	PID       int // 0 if nothing is known
	Processes int
	Cores     float64
	// RSS and PSS are in bytes, at the interval's end. PSS and FDs are read at every fifth
	// reading only and stand until the next; they are 0 for another user's process.
	RSS, PSS     int64
	Threads, FDs int
	// Voluntary and Involuntary are context switches per second.
	Voluntary, Involuntary float64
	// Other says that the process has ended; another may have its id by now.
	Other bool
}

// Rates are the target's own figures: per second, and gauges as they stood at the end.
type Rates struct {
	Source                                           string // sluice or triton
	Accepted, Answered, Sheds, Spills, Rows, Batches float64
	Queue                                            float64 // requests that wait
	GPU                                              float64 // mean utilisation of all GPUs, from 0 to 1
	GPUMemory                                        int64   // bytes, of all GPUs
	Devices                                          map[string]float64
}

// Watch reads until it is stopped.
type Watch struct {
	opt  Options
	stop chan struct{}
	done chan struct{}
	once sync.Once

	// Of the goroutine that reads alone.
	tool, target *tree // nil if it cannot be read
	pacer        *pacer
	pauses       pauses
	host         *host
	scraper      *scraper // nil without metrics
	count        int
	at           time.Time
	toolBefore   usage
	targetBefore usage
	totals       *totals
	totalsAt     time.Time
	refused      bool // the metrics could not be read at some time, and a note says why

	mu struct {
		sync.Mutex
		series []Reading
		notes  []string
	}
}

// Start takes a first look, from which the first reading counts, and goes on until Stop. It
// waits for that look, at most the second that a target may take to tell its metrics. It refuses
// a target's process that is not there; all else that cannot be read is a note.
func Start(o Options) (*Watch, error) {
	o.Every, o.files = cmp.Or(o.Every, defaultEvery), cmp.Or(o.files, "/")
	if o.Every < leastEvery {
		return nil, fmt.Errorf("cannot watch every %v: the least is %v", o.Every, leastEvery)
	}
	if o.OnSample == nil {
		o.OnSample = func(Reading) {}
	}
	w := &Watch{opt: o, stop: make(chan struct{}), done: make(chan struct{})}
	if err := w.prepare(); err != nil {
		return nil, err
	}
	w.look()
	go w.run()
	return w, nil
}

// prepare finds out what can be read.
func (w *Watch) prepare() error {
	o := &w.opt
	proc, err := o.files.proc()
	if err == nil {
		_, err = proc.Stat()
	}
	if err != nil {
		w.note("this system has no /proc that can be read, so that neither the tool's nor the target's use of it is known")
	} else {
		w.host = &host{proc: proc}
		w.tool = &tree{proc: proc, root: os.Getpid(), alone: true}
		if o.PacerTID != nil {
			w.pacer = &pacer{proc: proc, pid: os.Getpid(), tid: o.PacerTID}
		}
		if o.PID != 0 {
			w.target = &tree{proc: proc, root: o.PID}
			if _, err := statOf(proc, o.PID); err != nil {
				if gone(err) {
					return fmt.Errorf("cannot watch the target's process %d: there is none of that id", o.PID)
				}
				return fmt.Errorf("cannot watch the target's process %d: %w", o.PID, err)
			}
		}
	}
	if o.MetricsURL != "" {
		w.scraper = newScraper(o.MetricsURL)
	}
	return nil
}

func (w *Watch) run() {
	defer close(w.done)
	tick := time.NewTicker(w.opt.Every)
	defer tick.Stop()
	for {
		select {
		case <-w.stop:
			w.count = 0 // the last look is a thorough one
			w.look()
			if w.scraper != nil {
				w.scraper.close()
			}
			return
		case <-tick.C:
			w.look()
		}
	}
}

// Stop takes a last reading and ends. It waits for at most the two seconds that a target may
// take to tell its metrics twice. It may be called again.
func (w *Watch) Stop() {
	w.once.Do(func() { close(w.stop) })
	<-w.done
}

// Series are the readings so far, in order of time.
func (w *Watch) Series() []Reading {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.mu.series)
}

// Notes says in a sentence each what could not be read, and why.
func (w *Watch) Notes() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.mu.notes)
}

func (w *Watch) note(sentence string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.notes = append(w.mu.notes, sentence)
}

// look reads everything once.
func (w *Watch) look() {
	now, thorough := time.Now(), w.count%thoroughEvery == 0
	r := Reading{At: now, Span: now.Sub(w.at)}
	first := w.at.IsZero()
	w.count, w.at = w.count+1, now
	if first {
		r.Span = w.opt.Every // nothing divides by it
	} else if r.Span <= 0 {
		return
	}
	if w.tool != nil {
		w.processes(&r, thorough)
	}
	r.GCPause = w.pauses.look()
	if w.scraper != nil {
		w.metrics(&r)
	}
	if first {
		return
	}
	w.mu.Lock()
	w.mu.series = append(w.mu.series, r)
	w.mu.Unlock()
	w.opt.OnSample(r)
}

func (w *Watch) processes(r *Reading, thorough bool) {
	w.tool.look(thorough)
	u := w.tool.usage()
	r.Tool, w.toolBefore = u.since(w.toolBefore, r.Span), u
	if w.target != nil {
		w.target.look(thorough)
		u := w.target.usage()
		r.Target, w.targetBefore = u.since(w.targetBefore, r.Span), u
	}
	if w.pacer != nil {
		if p, ok := w.pacer.look(r.Span); ok {
			r.Pacing = &p
		}
	}
	if h, ok := w.host.look(r.Span); ok {
		r.Host = &h
	}
}

// metrics reads the target's own figures. A server whose names are not known is not asked again.
func (w *Watch) metrics(r *Reading) {
	t, err := w.scraper.read(context.Background())
	if err != nil {
		if !w.refused {
			w.refused = true
			w.note(err.Error())
		}
		if errors.Is(err, ErrUnknownServer) {
			w.scraper.close()
			w.scraper = nil
		}
		return
	}
	now := time.Now()
	if w.totals != nil {
		if span := now.Sub(w.totalsAt); span > 0 {
			r.Rates, r.RatesSpan = t.since(w.totals, span.Seconds()), span
		}
	}
	w.totals, w.totalsAt = &t, now
}
