package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// steady is an open load: requests at the instants of a Poisson process, whether or not the
// gateway keeps up, each one of a few known rows, each answer held against that row's.
type steady struct {
	g       *running
	model   string
	budget  time.Duration
	bodies  []string
	want    []float64
	client  *http.Client
	begin   time.Time
	stopped chan struct{}
	ended   sync.WaitGroup

	mu       sync.Mutex
	outcomes []outcome
}

// outcome is one request of the ledger.
type outcome struct {
	sent   time.Duration // since the load began
	took   time.Duration
	status int // 0 if the connection failed
	device string
	wrong  bool
}

const steadyRows = 32

// newSteady asks for each row's answer while all is well.
func newSteady(g *running, model string, width int, budget time.Duration) *steady {
	s := &steady{g: g, model: model, budget: budget, stopped: make(chan struct{})}
	dialer := net.Dialer{Timeout: time.Second}
	s.client = &http.Client{
		Transport: &http.Transport{MaxIdleConnsPerHost: 512, DialContext: dialer.DialContext},
		Timeout:   10 * time.Second,
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range steadyRows {
		row := make([]string, width)
		for i := range row {
			row[i] = strconv.FormatFloat(float64(rng.IntN(200)-100)/64, 'g', -1, 64)
		}
		s.bodies = append(s.bodies, fmt.Sprintf(`{"inputs":[{"name":"input","datatype":"FP32","shape":[1,%d],"data":[%s]}]}`, width, strings.Join(row, ",")))
	}
	for _, body := range s.bodies {
		y, err := scalar(g.infer(model, []byte(body)))
		if err != nil {
			g.t.Fatal(err)
		}
		s.want = append(s.want, y)
	}
	return s
}

// scalar is the one number of an answer.
func scalar(body []byte) (float64, error) {
	var answer struct{ Outputs []output }
	if err := json.Unmarshal(body, &answer); err != nil {
		return 0, fmt.Errorf("an answer is no JSON: %w", err)
	}
	if len(answer.Outputs) != 1 || len(answer.Outputs[0].Data) != 1 {
		return 0, fmt.Errorf("an answer has %d outputs", len(answer.Outputs))
	}
	return answer.Outputs[0].Data[0], nil
}

// run sends rate requests a second until stop.
func (s *steady) run(rate float64) {
	s.begin = time.Now()
	s.ended.Go(func() {
		rng := rand.New(rand.NewPCG(3, 4))
		next := s.begin
		for i := 0; ; i++ {
			next = next.Add(time.Duration(rng.ExpFloat64() / rate * 1e9))
			select {
			case <-s.stopped:
				return
			case <-time.After(time.Until(next)):
			}
			row, due := i%steadyRows, time.Now()
			s.ended.Go(func() { s.send(row, due) })
		}
	})
}

// stop ends the load, waits for every answer and returns the ledger.
func (s *steady) stop() []outcome {
	close(s.stopped)
	s.ended.Wait()
	s.client.CloseIdleConnections()
	return s.outcomes
}

func (s *steady) send(row int, due time.Time) {
	o := s.ask(row)
	o.sent, o.took = due.Sub(s.begin), time.Since(due)
	s.mu.Lock()
	s.outcomes = append(s.outcomes, o)
	s.mu.Unlock()
}

func (s *steady) ask(row int) (o outcome) {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, s.g.predict+"/v2/models/"+s.model+"/infer", strings.NewReader(s.bodies[row]))
	if err != nil {
		panic(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Sluice-Budget-Ms", strconv.FormatInt(s.budget.Milliseconds(), 10))
	res, err := s.client.Do(req)
	if err != nil {
		return o
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return o
	}
	o.status, o.device = res.StatusCode, res.Header.Get("Sluice-Device")
	if o.status == http.StatusOK {
		y, err := scalar(body)
		o.wrong = err != nil || math.Abs(y-s.want[row]) > 1e-4+1e-3*math.Abs(s.want[row])
	}
	return o
}

// elapsed is the time since the load began.
func (s *steady) elapsed() time.Duration { return time.Since(s.begin) }

// tally sums a stretch of the ledger.
type tally struct {
	sent, ok, late, refused, lost, wrong int
	devices                              map[string]int // without the reason
	reasons                              map[string]int
	tail                                 time.Duration // 99th percentile of the good answers
}

func (s *steady) tally(ledger []outcome, from, to time.Duration) tally {
	t := tally{devices: map[string]int{}, reasons: map[string]int{}}
	var took []time.Duration
	for _, o := range ledger {
		if o.sent < from || o.sent >= to {
			continue
		}
		t.sent++
		switch {
		case o.status == http.StatusOK:
			t.ok++
			took = append(took, o.took)
			device, reason, _ := strings.Cut(o.device, ";reason=")
			t.devices[device]++
			if reason != "" {
				t.reasons[reason]++
			}
			if o.took > s.budget {
				t.late++
			}
		case o.status == http.StatusTooManyRequests || o.status == http.StatusServiceUnavailable || o.status == http.StatusGatewayTimeout:
			t.refused++
		default:
			t.lost++
		}
		if o.wrong {
			t.wrong++
		}
	}
	if len(took) > 0 {
		slices.Sort(took)
		t.tail = took[len(took)*99/100]
	}
	return t
}

func (t tally) String() string {
	return fmt.Sprintf("%d sent, %d answered, %d late, %d refused, %d lost, %d wrong, p99 %v, on %v because of %v",
		t.sent, t.ok, t.late, t.refused, t.lost, t.wrong, t.tail.Round(100*time.Microsecond), t.devices, t.reasons)
}

// each logs the ledger second by second.
func (s *steady) each(t *testing.T, ledger []outcome) {
	t.Helper()
	last := time.Duration(0)
	for _, o := range ledger {
		last = max(last, o.sent)
	}
	for at := time.Duration(0); at < last; at += time.Second {
		t.Logf("second %2.0f: %v", at.Seconds(), s.tally(ledger, at, at+time.Second))
	}
}
