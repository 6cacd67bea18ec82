package httpfront

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"sluice/gateway"
	"sluice/internal/fault"
)

// fills is a stage of tests. What it does with a request is the first letter of the request's id.
type fills struct {
	t  *testing.T
	mu sync.Mutex
	// stuck are the fills that have not reported, by id.
	stuck map[string]*gateway.Exchange
	held  map[*gateway.Exchange]bool // the same, to see that none is used again
	ended map[string]int
	kinds map[fault.Kind]int
	left  chan string // ids of stuck ones that were answered; nil if nobody takes them
}

func newFills(t *testing.T) *fills {
	return &fills{t: t, stuck: map[string]*gateway.Exchange{}, held: map[*gateway.Exchange]bool{}, ended: map[string]int{}, kinds: map[fault.Kind]int{}}
}

func (f *fills) fill(x *gateway.Exchange) (gateway.Step, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.held[x] {
		f.t.Error("an exchange was used again before its fill had reported")
	}
	switch x.ID[0] {
	case 's': // slow
		time.AfterFunc(2*time.Millisecond, func() { f.finish(x, nil) })
	case 'q': // quick: it may report before this function returns
		go f.finish(x, nil)
	case 'u': // fails
		go f.finish(x, fault.New(fault.NoCapacity, "the store is full"))
	case 'x': // stuck
		f.stuck[string(x.ID)], f.held[x] = x, true
	case 'v': // refuses
		return gateway.Ends, fault.New(fault.InvalidRequest, "there is no such key")
	default:
		return gateway.GoesOn, nil
	}
	return gateway.Pending, nil
}

func (f *fills) finish(x *gateway.Exchange, err error) {
	if x.TryTake() {
		x.Task.Inputs[0].Data[0]++
	}
	x.Filled(err)
}

// listen counts what has ended.
func (f *fills) listen(x *gateway.Exchange) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended[string(x.ID)]++
	f.kinds[x.Outcome.Fault]++
	if f.held[x] && f.left != nil {
		f.left <- string(x.ID) // it has room for all; whoever sees the last end may close it
	}
}

// report has stuck fills report after they were left. Until then they have what they had, whatever came
// meanwhile; then it is poisoned, so that whoever shares it has wrong answers.
func (f *fills) report(ids ...string) {
	for _, id := range ids {
		f.mu.Lock()
		x := f.stuck[id]
		delete(f.stuck, id)
		delete(f.held, x)
		f.mu.Unlock()
		if x.TryTake() {
			f.t.Errorf("%s was answered and can be filled yet", id)
		}
		in := x.Task.Inputs[0].Data
		if string(x.ID) != id || !bytes.Equal(in, count(1)) {
			f.t.Errorf("what was left of %s has become %s with %v", id, x.ID, in)
		}
		for i := range in {
			in[i] = 0xdd
		}
		x.Filled(nil)
	}
}

func (f *fills) all() (ids []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id := range f.stuck {
		ids = append(ids, id)
	}
	return ids
}

func (f *fills) count(of func() int) func() int {
	return func() int {
		f.mu.Lock()
		defer f.mu.Unlock()
		return of()
	}
}

func (f *fills) serve(most int) *edge {
	models := fixtures()
	for _, m := range models.models {
		m.info.Fill = f.fill
	}
	return serve(f.t, models, func(o *setup) {
		o.Core.MaxAbandoned = most
		o.Core.Ended = append(o.Core.Ended, gateway.Listener{Name: "fills", Ended: f.listen})
	})
}

// filling is a request for the simple model whose inputs are 1 to 16 and whose fill is that of its id.
func filling(id string, budget time.Duration) string {
	return post(simpleInfer, simpleBody(""), "X-Request-Id: "+id, fmt.Sprint("Sluice-Budget-Ms: ", budget.Milliseconds()))
}

// While fills are pending other requests go on, on the workers of a loop as on goroutines. A client that hangs
// up ends its own.
func TestPendingFillsHoldUpNobody(t *testing.T) {
	f := newFills(t)
	e := f.serve(0)
	const stuck, others = 200, 2000
	var waiting []net.Conn
	for i := range stuck {
		c := e.dial()
		_, _ = io.WriteString(c, filling(fmt.Sprint("x", i), time.Minute))
		waiting = append(waiting, c)
	}
	e.eventually("all fills are pending", func() bool { return len(f.all()) == stuck })
	c := e.dial()
	r := bufio.NewReader(c)
	for i := range others {
		id := fmt.Sprint(string("nsqvu"[i%5]), i)
		want := map[byte]string{'n': "[2,4,", 's': "[3,4,", 'q': "[3,4,", 'v': "no such key", 'u': "the store is full"}[id[0]]
		if a := e.exchange(c, r, filling(id, time.Minute)); !strings.Contains(a.body, want) {
			t.Fatalf("%s: got %d %s", id, a.status, a.body)
		}
	}
	ended := f.count(func() int { return len(f.ended) })
	e.eventually("the others have ended", func() bool { return ended() == others })
	if n := len(f.all()); n != stuck {
		t.Errorf("%d fills are pending", n)
	}
	for _, c := range waiting {
		_ = c.Close()
	}
	e.eventually("clients that hang up end their requests", func() bool { return ended() == stuck+others })
	if n := f.kinds[fault.ClientClosed]; n != stuck {
		t.Errorf("%d requests ended with their clients, want %d", n, stuck)
	}
	f.report(f.all()...)
	e.good()
}

// Fills that never report are bounded: what comes beyond is refused and says why, until some report.
func TestAbandonedFillsAreBounded(t *testing.T) {
	f := newFills(t)
	e := f.serve(3)
	for i := range 3 {
		if a := e.send(filling(fmt.Sprint("x", i), 10*time.Millisecond)); a.status != 504 || !strings.Contains(a.body, "inputs were complete") {
			t.Fatalf("got %d %s", a.status, a.body)
		}
	}
	if a := e.send(filling("n", time.Minute)); a.status != 503 || !strings.Contains(a.body, "3 requests were answered without inputs that are still being fetched") || a.header.Get("Retry-After") == "" {
		t.Fatalf("got %d %s", a.status, a.body)
	}
	f.report("x1")
	if a := e.send(filling("s", time.Minute)); a.status != 200 {
		t.Fatalf("got %d %s", a.status, a.body)
	}
	f.report("x0", "x2")
}

// Of 100,000 exchanges, with fills of all kinds, each ends once and with its own answer. Some of the fills
// that get stuck report while others run, and some at the end.
func TestFillsOfManyExchanges(t *testing.T) {
	total := 100_000
	if workers == 0 {
		total = 5000
	}
	f := newFills(t)
	f.left = make(chan string, total)
	e := f.serve(total)
	const clients = 64
	var running, late sync.WaitGroup
	late.Go(func() {
		for id := range f.left {
			if id[len(id)-1]%2 == 0 {
				f.report(id)
			}
		}
	})
	for client := range clients {
		running.Go(func() {
			if err := f.ask(e.addr, client, total/clients+1); err != nil {
				t.Error(err)
			}
		})
	}
	running.Wait()
	asked := clients * (total/clients + 1)
	ended := f.count(func() int { return len(f.ended) })
	e.eventually("all have ended", func() bool { return ended() >= asked })
	close(f.left)
	late.Wait()
	f.report(f.all()...)
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.ended) != asked {
		t.Errorf("%d of %d exchanges have ended", len(f.ended), asked)
	}
	for id, n := range f.ended {
		if n != 1 {
			t.Errorf("%s has ended %d times", id, n)
		}
	}
	if f.kinds[fault.None] < asked/2 || f.kinds[fault.DeadlineExceeded] == 0 {
		t.Errorf("the outcomes are %v", f.kinds)
	}
}

// ask sends n requests on one connection and looks at each answer.
func (f *fills) ask(addr string, client, n int) error {
	random := rand.New(rand.NewPCG(uint64(client), 1))
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Minute))
	r := bufio.NewReader(c)
	var resp fasthttp.Response
	for i := range n {
		kind, budget := "nnnnnnnnssqqvu"[random.IntN(14)], time.Minute
		if random.IntN(500) == 0 {
			kind, budget = 'x', 10*time.Millisecond
		}
		id := fmt.Sprintf("%c%d-%d", kind, client, i)
		if _, err := io.WriteString(c, filling(id, budget)); err != nil {
			return err
		}
		if err := resp.Read(r); err != nil {
			return err
		}
		status, text := resp.StatusCode(), string(resp.Body())
		want := map[byte]int{'n': 200, 's': 200, 'q': 200, 'v': 400, 'u': 503, 'x': 504}[kind]
		if status != want || string(resp.Header.Peek("X-Request-Id")) != id || kind == 'n' && !strings.Contains(text, `"data":[2,4,6,`) || (kind == 's' || kind == 'q') && !strings.Contains(text, `"data":[3,4,6,`) {
			return fmt.Errorf("%s: got %d %s, want %d", id, status, text, want)
		}
	}
	return nil
}
