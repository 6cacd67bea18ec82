package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"sluice/loadtest/payload"
	"sluice/loadtest/result"
)

// Retries is what becomes of refused requests whose clients wait for as long as they are told and ask
// again, once, with the same budget: below the capacity, even and in bursts.
type Retries struct {
	Capacity float64      `json:"capacity_per_s"`
	Points   []RetryPoint `json:"points"`
}

// RetryPoint is one load with arrivals of one kind.
type RetryPoint struct {
	Load float64 `json:"load"` // of the capacity
	CV   float64 `json:"cv"`   // of the gaps
	// Success is of the requests whose budget holds three of their own runs, Tight of the others: what hardly
	// ever fits does not fit later either.
	Success float64 `json:"success"`
	Tight   float64 `json:"success_of_tight_budgets"`
	Roomy   retried `json:"roomy"`
	Narrow  retried `json:"tight"`
}

// retried counts the requests that were refused and came back.
type retried struct {
	Sent    int     `json:"sent"` // for the first time
	Refused int     `json:"refused"`
	Mute    int     `json:"refused_without_a_wait"` // they did not come back
	Back    int     `json:"came_back"`
	Good    int     `json:"came_back_and_were_answered"`
	Wait    float64 `json:"wait_p50_ms"` // that they were told
	Longest float64 `json:"wait_p99_ms"`
}

func (b *bench) retries() error {
	gateway, err := b.promiseModel(&Promises{})
	if err != nil {
		return err
	}
	defer b.retire("steady")
	out := &Retries{}
	if out.Capacity, err = b.promiseCapacity(gateway); err != nil {
		return err
	}
	b.result.Retries = out
	for _, cv := range []float64{1, 3} {
		for _, load := range []float64{0.7, 0.9} {
			p := RetryPoint{}
			b.seed++
			if err := b.measure(&p, "retries", "-to", gateway.addr, "-model", "steady", "-rate", fmt.Sprint(load*out.Capacity), "-cv", fmt.Sprint(cv),
				"-length", pick(b, 20*time.Second, 5*time.Second).String(), "-seed", fmt.Sprint(b.seed)); err != nil {
				return err
			}
			p.Load, p.CV = load, cv
			p.Success, p.Tight = p.Roomy.success(), p.Narrow.success()
			b.say("%g of %.0f/s, CV %g: %v; of tight budgets %v", load, out.Capacity, cv, p.Roomy, p.Narrow)
			out.Points = append(out.Points, p)
		}
	}
	return nil
}

func (r retried) success() float64 { return round(float64(r.Good)/float64(max(r.Back, 1)), 4) }

func (r retried) String() string {
	return fmt.Sprintf("%d of %d refused, of %d that came back after %.1f ms (p99 %.0f ms) %.1f %% were answered", r.Refused, r.Sent, r.Back, r.Wait, r.Longest, 100*r.success())
}

func (r *Result) retryLines(line func(string, float64, target, []result.Validity, string, ...any)) {
	if r.Retries == nil {
		return
	}
	for _, p := range r.Retries.Points {
		if p.Roomy.Back > 0 {
			line(fmt.Sprintf("retries.success (%gx, CV %g)", p.Load, p.CV), p.Success, atLeast(0.9), nil, "of %d; told to wait %.1f ms, p99 %.0f ms; %.3f of %d with budgets below three runs of their own",
				p.Roomy.Back, p.Roomy.Wait, p.Roomy.Longest, p.Tight, p.Narrow.Back)
		}
	}
}

// retries sends a drawn mix of budgets and rows, and what is refused once more, and prints what came of it.
func retries(args []string) error {
	flags := flag.NewFlagSet("retries", flag.ExitOnError)
	to, model, rate, cv := mixFlags(flags)
	length := flags.Duration("length", 5*time.Second, "of the traffic")
	seed := flags.Uint64("seed", 1, "of all that is drawn")
	if err := flags.Parse(args); err != nil {
		return err
	}
	requests, err := mixRequests(*to, *model)
	if err != nil {
		return err
	}
	client := &fasthttp.HostClient{Addr: *to, MaxConns: math.MaxInt} // a connection for each request under way
	roomy, narrow := callers{client: client}, callers{client: client}
	var running sync.WaitGroup
	begin := time.Now()
	for _, a := range drawMix(*model, *rate, *cv, *length, *seed) {
		time.Sleep(time.Until(begin.Add(a.At)))
		c := &roomy
		if run := promiseRow * time.Duration(a.Rows) / time.Duration(slices.Max(promisedRows)); a.Budget < 3*run {
			c = &narrow
		}
		running.Go(func() { c.ask(requests[mixKind{a.Budget, a.Rows}]) })
	}
	running.Wait()
	for _, c := range []*callers{&roomy, &narrow} {
		if failed := c.failed.Load(); failed != nil {
			return *failed
		}
		slices.Sort(c.waits)
		c.Wait, c.Longest = round(quantile(c.waits, 0.5), 2), round(quantile(c.waits, 0.99), 1)
	}
	return json.NewEncoder(os.Stdout).Encode(RetryPoint{Roomy: roomy.retried, Narrow: narrow.retried})
}

// mixKind is a budget and a number of rows.
type mixKind struct {
	budget time.Duration
	rows   int
}

// mixRequests prepares a request of each kind.
func mixRequests(to, model string) (map[mixKind]*fasthttp.Request, error) {
	ctx, cancel := context.WithTimeout(context.Background(), askLimit)
	defer cancel()
	m, err := payload.Discover(ctx, to, model, "")
	if err != nil {
		return nil, fmt.Errorf("cannot ask for the model: %w", err)
	}
	all := map[mixKind]*fasthttp.Request{}
	for _, budget := range promised {
		for _, rows := range promisedRows {
			_, dim, err := payload.ParseDim(fmt.Sprint("batch=", rows))
			if err != nil {
				return nil, fmt.Errorf("cannot prepare requests: %w", err)
			}
			set, err := payload.Build(m, payload.Options{Protocol: payload.Binary, Budget: budget, Variants: 1, Dims: map[string]payload.Dim{"batch": dim}, Range: &payload.Range{Low: -2, High: 2}})
			if err != nil {
				return nil, fmt.Errorf("cannot prepare requests: %w", err)
			}
			request := new(fasthttp.Request)
			if err := request.Read(bufio.NewReader(bytes.NewReader(set.Payloads[0].Bytes))); err != nil {
				return nil, fmt.Errorf("cannot prepare requests: %w", err)
			}
			all[mixKind{budget, rows}] = request
		}
	}
	return all, nil
}

// callers ask, each once or twice.
type callers struct {
	client *fasthttp.HostClient
	failed atomic.Pointer[error]

	sync.Mutex
	retried
	waits []float64 // ms
}

// ask sends a request, and once more if it is refused and told when to come back.
func (c *callers) ask(request *fasthttp.Request) {
	status, wait, err := c.send(request)
	c.Lock()
	c.Sent++
	if status == http.StatusTooManyRequests {
		c.Refused++
		if wait == 0 {
			c.Mute++
		} else {
			c.waits = append(c.waits, millis(wait))
		}
	}
	c.Unlock()
	if err == nil && wait > 0 {
		time.Sleep(wait)
		status, _, err = c.send(request)
		c.Lock()
		c.Back++
		if status == http.StatusOK {
			c.Good++
		}
		c.Unlock()
	}
	if err != nil {
		c.failed.Store(&err)
	}
}

// send sends a request and returns the answer's status, and for how long a refused one should wait.
func (c *callers) send(request *fasthttp.Request) (status int, wait time.Duration, err error) {
	own, answer := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(own)
	defer fasthttp.ReleaseResponse(answer)
	request.CopyTo(own) // others send the same
	if err := c.client.Do(own, answer); err != nil {
		return 0, 0, fmt.Errorf("cannot ask: %w", err)
	}
	if told := answer.Header.Peek("Sluice-Retry-After-Ms"); len(told) > 0 && answer.StatusCode() == http.StatusTooManyRequests {
		ms, err := strconv.ParseFloat(string(told), 64)
		if err != nil {
			return 0, 0, fmt.Errorf("cannot read how long to wait: %w", err)
		}
		wait = time.Duration(ms * float64(time.Millisecond))
	}
	return answer.StatusCode(), wait, nil
}
