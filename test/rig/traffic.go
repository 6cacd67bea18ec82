package rig

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// Outcome is how a request ended; each has exactly one.
type Outcome string

// The outcomes.
const (
	OK       Outcome = "ok"
	Wrong    Outcome = "wrong"    // another answer than the right one
	No       Outcome = "no"       // 429, 503, or a 504 before anything was queued: an honest no
	Deadline Outcome = "deadline" // 504 DEADLINE_EXCEEDED
	Bad      Outcome = "bad"      // a bad request got the status that it must
	Odd      Outcome = "odd"      // any other status
	Left     Outcome = "left"     // the client left, as it was to
	Refused  Outcome = "refused"  // no connection, or it ended before the request was written
	Lost     Outcome = "lost"     // written in full, and no answer came
)

// Record is one request.
type Record struct {
	Model   string
	Due     time.Duration // since the traffic began
	Took    time.Duration // from the moment it was due
	Served  time.Duration // from the writing
	Budget  time.Duration
	Outcome Outcome
	Version string
	Device  string
	Good    bool // no bad request, and its client stayed
	Detail  string
}

// Traffic sends questions at the instants of a Poisson process, whether or not they are answered.
type Traffic struct {
	// Addr is asked for each request: the address to send it to; "" counts it as refused.
	Addr func() string
	// Rate is requests per second.
	Rate float64
	// Pick draws a question.
	Pick func(rng *rand.Rand) *Question
	// Most is the most requests on their way; beyond it a request waits in the client. 0 means 512.
	Most int
	// Tries is how often a request that is refused is sent in all; 0 means once.
	Tries int
}

// To sends everything to one address.
func To(addr string) func() string { return func() string { return addr } }

// Start begins to send. The returned function ends that, waits for all answers, and returns the
// records.
func (t *Traffic) Start() (stop func() []Record) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan []Record, 1)
	go func() { ended <- t.Run(ctx) }()
	return func() []Record {
		cancel()
		return <-ended
	}
}

// Run sends until the context ends, waits for all answers, and returns the records.
func (t *Traffic) Run(ctx context.Context) []Record {
	w := newWire(0)
	rng := rand.New(rand.NewPCG(0, 0x7261))
	most := t.Most
	if most == 0 {
		most = 512
	}
	room := make(chan struct{}, most)
	var wg sync.WaitGroup
	begun := time.Now()
	for due := time.Duration(0); ; {
		due += time.Duration(rng.ExpFloat64() / t.Rate * float64(time.Second))
		q := t.Pick(rng)
		select {
		case <-ctx.Done():
		case <-time.After(time.Until(begun.Add(due))):
		}
		if ctx.Err() != nil {
			break
		}
		room <- struct{}{}
		wg.Go(func() {
			r := w.ask(t.Addr(), q, begun, due)
			for tries := 1; tries < t.Tries && r.Outcome == No; tries++ {
				r = w.ask(t.Addr(), q, begun, due)
			}
			w.note(r)
			<-room
		})
	}
	wg.Wait()
	return w.end()
}

// Closed is a closed loop: each client asks again as soon as it has its answer. It ends when the
// gateway takes no connection any more.
type Closed struct {
	Addr    string
	Clients int
	Pick    func(rng *rand.Rand) *Question
	// Patience with an answer; 0 means 10 s.
	Patience time.Duration
}

// Start lets the clients begin. The returned function ends them, waits, and returns the records.
func (o Closed) Start() func() []Record {
	w := newWire(o.Patience)
	var over atomic.Bool
	var wg sync.WaitGroup
	begun := time.Now()
	for i := range o.Clients {
		rng := rand.New(rand.NewPCG(uint64(i), 0x636c))
		wg.Go(func() {
			for !over.Load() {
				r := w.ask(o.Addr, o.Pick(rng), begun, time.Since(begun))
				if r.Outcome == Refused {
					return
				}
				w.note(r)
			}
		})
	}
	return func() []Record {
		over.Store(true)
		wg.Wait()
		return w.end()
	}
}
