package engine

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sluice/loadtest/sample"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server answers each request of a connection with what handle writes; the connection ends
// where handle returns false.
func serve(t testing.TB, handle func(w io.Writer, n int64, id string, body []byte) bool) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var conns sync.WaitGroup
	var count atomic.Int64
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	conns.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open[c] = true
			mu.Unlock()
			conns.Go(func() {
				defer c.Close()
				r := bufio.NewReader(c)
				for {
					req, err := http.ReadRequest(r)
					if err != nil {
						return
					}
					body, err := io.ReadAll(req.Body)
					if err != nil || !handle(c, count.Add(1), req.Header.Get("X-Id"), body) {
						return
					}
				}
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for c := range open {
			c.Close()
		}
		mu.Unlock()
		conns.Wait()
	})
	return netip.MustParseAddrPort(l.Addr().String())
}

// ok writes a plain answer.
func ok(w io.Writer, body string) bool {
	_, err := fmt.Fprintf(w, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nServer-Timing: decode;dur=0.012, queue;dur=1.500, run;dur=0.250, encode;dur=0.003\r\nSluice-Device: cpu;reason=spill\r\nSluice-Batch: 8\r\n\r\n%s", len(body), body)
	return err == nil
}

// payloads are variants whose body is their number, with a place for an identity in the head.
func payloads(n int) (all []Payload) {
	for i := range n {
		head := "POST /x HTTP/1.1\r\nHost: x\r\nX-Id: "
		body := strconv.Itoa(i)
		text := fmt.Sprintf("%s0000000000000000\r\nContent-Length: %d\r\n\r\n%s", head, len(body), body)
		all = append(all, Payload{Bytes: []byte(text), ID: len(head)})
	}
	return all
}

// echoes checks that the answer is "id body".
type echoes struct{}

func (echoes) Check(a *Answer) Verdict {
	id, body, _ := bytes.Cut(a.Body, []byte(" "))
	got, err := strconv.ParseUint(string(id), 16, 64)
	switch {
	case err != nil:
		return Verdict{Kind: WrongValue}
	case got != a.ID:
		return Verdict{Kind: Stray, ID: got}
	case string(body) != strconv.Itoa(a.Variant):
		return Verdict{Kind: OtherVariant}
	}
	return Verdict{Kind: Right}
}

// every plans n arrivals at even distances.
func every(n int, gap time.Duration, variants int) (arrivals []Arrival) {
	for i := range n {
		arrivals = append(arrivals, Arrival{At: time.Duration(i) * gap, Variant: uint16(i % variants), Group: uint8(i % 3)})
	}
	return arrivals
}

func run(t testing.TB, o Options) *Engine {
	t.Helper()
	o.CPU = -1
	e, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	return e
}

// counts tallies the outcomes, and holds every sample to what must always be.
func counts(t testing.TB, e *Engine) (n [sample.Outcomes]int) {
	t.Helper()
	for i, s := range e.Samples() {
		n[s.Outcome]++
		if s.Outcome == sample.None {
			t.Fatalf("request %d has not ended", i)
		}
		if s.Noticed < s.Intended || s.Written != 0 && s.Written < s.Noticed || s.First != 0 && s.First < s.Written || s.Last != 0 && s.Last < s.First {
			t.Fatalf("request %d goes back in time: %+v", i, s)
		}
	}
	ended := 0
	if got := e.EachEnded(0, func(*sample.Sample) { ended++ }); got != len(e.Samples()) || ended != got {
		t.Fatalf("%d of %d requests are reported as ended", ended, len(e.Samples()))
	}
	return n
}

func TestAnswersReachTheirRequests(t *testing.T) {
	addr := serve(t, func(w io.Writer, _ int64, id string, body []byte) bool { return ok(w, id+" "+string(body)) })
	e := run(t, Options{Targets: []Target{{Addr: addr, Payloads: payloads(7), Checker: echoes{}}}, Arrivals: every(2000, 100*time.Microsecond, 7), Identity: 77})
	if n := counts(t, e); n[sample.OK] != 2000 {
		t.Fatalf("outcomes %v", n)
	}
	if got := e.Devices(); len(got) != 1 || got[0] != "cpu" {
		t.Errorf("devices %q", got)
	}
	for i, s := range e.Samples() {
		if s.Intended != time.Duration(i)*100*time.Microsecond || int(s.Variant) != i%7 || int(s.Group) != i%3 || s.Flags&sample.Verified == 0 ||
			s.Status != 200 || s.Batch != 8 || s.Device != 1 || s.Server != [sample.Stages]uint32{12, 1500, 250, 3} {
			t.Fatalf("request %d: %+v", i, s)
		}
	}
	if p := e.Progress(); !p.Begun || p.Noticed != 2000 || p.Written != 2000 || p.Ended != 2000 || p.Extra != 0 || p.Checking == 0 || p.CPU <= 0 {
		t.Errorf("progress %+v", p)
	}
}

// Every way in which a request may end, one in ten each.
func TestOutcomes(t *testing.T) {
	f := func(name string, want sample.Outcome, extra int64, bad func(w io.Writer, id, body string) bool) {
		t.Helper()
		addr := serve(t, func(w io.Writer, n int64, id string, body []byte) bool {
			if n%10 == 0 {
				return bad(w, id, string(body))
			}
			return ok(w, id+" "+string(body))
		})
		e := run(t, Options{
			Targets:  []Target{{Addr: addr, Payloads: payloads(5), Checker: echoes{}}},
			Arrivals: every(500, 400*time.Microsecond, 5), Timeout: time.Second, Connections: 64, // those without an answer keep 50
		})
		n := counts(t, e)
		var expected [sample.Outcomes]int
		expected[sample.OK] = 450
		expected[want] += 50
		if n != expected || e.Progress().Extra != extra {
			t.Errorf("%s: outcomes %v, %d extra, want %v, %d", name, n, e.Progress().Extra, expected, extra)
		}
	}
	status := func(code int) func(w io.Writer, id, body string) bool {
		return func(w io.Writer, _, _ string) bool {
			fmt.Fprintf(w, "HTTP/1.1 %d Some Words\r\ncontent-length: 2\r\n\r\nno", code)
			return true
		}
	}
	says := func(text string, goOn bool) func(w io.Writer, id, body string) bool {
		return func(w io.Writer, _, _ string) bool {
			_, err := io.WriteString(w, text)
			return err == nil && goOn
		}
	}
	f("429", sample.Rejected, 0, status(429))
	f("503", sample.Rejected, 0, status(503))
	f("400", sample.ClientError, 0, status(400))
	f("504", sample.ServerError, 0, status(504))
	f("504 for a budget that is too short", sample.Rejected, 0, func(w io.Writer, _, _ string) bool {
		const body = `{"error":"the model takes 584ms","code":"BUDGET_TOO_SHORT"}`
		_, err := fmt.Fprintf(w, "HTTP/1.1 504 Gateway Timeout\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		return err == nil
	})
	f("302", sample.ServerError, 0, status(302))
	f("not HTTP", sample.ServerError, 0, says("SSH-2.0-x\r\n\r\n", true))
	f("no number", sample.ServerError, 0, says("HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n", true))
	f("two lengths", sample.ServerError, 0, says("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 1\r\n\r\n", true))
	f("closed", sample.Lost, 0, func(io.Writer, string, string) bool { return false })
	f("half an answer", sample.Lost, 0, says("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", false))
	f("half a head", sample.Lost, 0, says("HTTP/1.1 200 OK\r\nContent-Le", false))
	f("silence", sample.Timeout, 0, func(io.Writer, string, string) bool { return true })
	f("wrong", sample.Wrong, 0, func(w io.Writer, id, _ string) bool { return ok(w, id+" 99") })
	f("twice", sample.OK, 50, func(w io.Writer, id, body string) bool {
		var b bytes.Buffer
		ok(&b, id+" "+body)
		ok(&b, id+" "+body)
		_, err := w.Write(b.Bytes())
		return err == nil
	})
	f("chunks", sample.OK, 0, func(w io.Writer, id, body string) bool {
		fmt.Fprintf(w, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n1;x=y\r\n \r\n%X\r\n%s\r\n0\r\nTrailer: x\r\n\r\n", len(id), id, len(body), body)
		return true
	})
	f("to the end", sample.OK, 0, func(w io.Writer, id, body string) bool {
		fmt.Fprintf(w, "HTTP/1.0 200 OK\r\n\r\n%s %s", id, body)
		return false
	})
	f("close", sample.OK, 0, func(w io.Writer, id, body string) bool {
		answer := id + " " + body
		fmt.Fprintf(w, "HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: %d\r\n\r\n%s", len(answer), answer)
		return false
	})
}

// An answer that comes when another request is on the connection is an extra one, and the own answer is waited for.
func TestLateRepeat(t *testing.T) {
	var before atomic.Pointer[string]
	addr := serve(t, func(w io.Writer, n int64, id string, body []byte) bool {
		own := id + " " + string(body)
		if last := before.Swap(&own); n%10 == 0 {
			ok(w, *last)
		}
		return ok(w, own)
	})
	e := run(t, Options{Targets: []Target{{Addr: addr, Payloads: payloads(5), Checker: echoes{}}}, Arrivals: every(500, 200*time.Microsecond, 5), Connections: 1})
	if n, extra := counts(t, e), e.Progress().Extra; n[sample.OK] != 500 || extra != 50 {
		t.Errorf("outcomes %v, %d extra", n, extra)
	}
}

// Two answers exchanged are two wrong ones, and known to be each other's.
func TestSwappedAnswers(t *testing.T) {
	type held struct {
		w   io.Writer
		own string
	}
	var mu sync.Mutex
	var first *held
	addr := serve(t, func(w io.Writer, n int64, id string, body []byte) bool {
		own := id + " " + string(body)
		mu.Lock()
		defer mu.Unlock()
		switch {
		case n == 20:
			first = &held{w, own}
			return true
		case first != nil:
			ok(first.w, own)
			own, first = first.own, nil
		}
		return ok(w, own)
	})
	e := run(t, Options{Targets: []Target{{Addr: addr, Payloads: payloads(5), Checker: echoes{}}}, Arrivals: every(100, time.Millisecond, 5)})
	n := counts(t, e)
	crossed := 0
	for _, s := range e.Samples() {
		if s.Outcome == sample.Wrong && s.Flags&sample.CrossTalk != 0 {
			crossed++
		}
	}
	if n[sample.OK] != 98 || crossed != 2 || e.Progress().Extra != 0 {
		t.Errorf("outcomes %v, %d crossed, %d extra", n, crossed, e.Progress().Extra)
	}
}

func TestNobodyThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := netip.MustParseAddrPort(l.Addr().String())
	l.Close()
	e := run(t, Options{Targets: []Target{{Addr: addr, Payloads: payloads(1)}}, Arrivals: every(50, time.Millisecond, 1)})
	if n := counts(t, e); n[sample.Refused] != 50 {
		t.Errorf("outcomes %v", n)
	}
}

// Requests without a connection wait in the engine with their clocks running, and are not dropped.
func TestFewConnections(t *testing.T) {
	release := make(chan struct{})
	addr := serve(t, func(w io.Writer, n int64, id string, body []byte) bool {
		if n <= 2 {
			<-release
		}
		return ok(w, id+" "+string(body))
	})
	time.AfterFunc(200*time.Millisecond, func() { close(release) })
	e := run(t, Options{Targets: []Target{{Addr: addr, Payloads: payloads(3), Checker: echoes{}}}, Arrivals: every(100, time.Millisecond, 3), Connections: 2})
	if n := counts(t, e); n[sample.OK] != 100 {
		t.Fatalf("outcomes %v", n)
	}
	waited := 0
	for _, s := range e.Samples() {
		if s.Flags&sample.Queued != 0 {
			waited++
		}
	}
	if waited < 90 || e.Progress().Connections != 2 {
		t.Errorf("%d requests waited for one of %d connections", waited, e.Progress().Connections)
	}
}

func TestClosedLoop(t *testing.T) {
	addr := serve(t, func(w io.Writer, _ int64, id string, body []byte) bool { return ok(w, id+" "+string(body)) })
	think := 2 * time.Millisecond
	e := run(t, Options{
		Targets: []Target{{Addr: addr, Payloads: payloads(3), Checker: echoes{}}},
		Closed:  &Closed{Workers: 4, Length: 200 * time.Millisecond, Think: func() time.Duration { return think }},
	})
	n := counts(t, e)
	if total := len(e.Samples()); total < 4 || total > 4*100 || n[sample.OK] != total {
		t.Errorf("%d requests, outcomes %v", total, n)
	}
}

func TestEndOfContext(t *testing.T) {
	addr := serve(t, func(io.Writer, int64, string, []byte) bool { return true }) // never answers
	e, err := New(Options{Targets: []Target{{Addr: addr, Payloads: payloads(1)}}, Arrivals: every(10000, time.Millisecond, 1), CPU: -1})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(100*time.Millisecond, cancel)
	if err := e.Run(ctx); err != nil {
		t.Fatal(err)
	}
	n := counts(t, e)
	if total := len(e.Samples()); total == 0 || total > 5000 || n[sample.Timeout] != total {
		t.Errorf("%d requests, outcomes %v", total, n)
	}
}

func TestLargeBodies(t *testing.T) {
	addr := serve(t, func(w io.Writer, _ int64, id string, body []byte) bool { return ok(w, id+" "+string(body)) })
	body := strings.Repeat("x", 4<<20)
	head := "POST /x HTTP/1.1\r\nX-Id: "
	p := Payload{Bytes: fmt.Appendf(nil, "%s0000000000000000\r\nContent-Length: %d\r\n\r\n%s", head, len(body), body), ID: len(head)}
	large := func(a *Answer) Verdict {
		if len(a.Body) != len(body)+17 {
			return Verdict{Kind: WrongValue}
		}
		return Verdict{Kind: Right}
	}
	for _, still := range []bool{false, true} {
		e := run(t, Options{Targets: []Target{{Addr: addr, Payloads: []Payload{p}, Checker: checkFunc(large)}}, Arrivals: every(20, 5*time.Millisecond, 1), NoSpin: still})
		if n := counts(t, e); n[sample.OK] != 20 {
			t.Errorf("without spinning %v: outcomes %v", still, n)
		}
		if e.mayLeaveUnread() {
			t.Errorf("without spinning %v: the engine would sleep while the rest of a request or an answer is due", still)
		}
	}
}

type checkFunc func(a *Answer) Verdict

func (f checkFunc) Check(a *Answer) Verdict { return f(a) }

func TestRefusedOptions(t *testing.T) {
	one := []Target{{Payloads: payloads(1)}}
	f := func(want string, o Options) {
		t.Helper()
		if _, err := New(o); err == nil || err.Error() != "cannot prepare the load: "+want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
	f("0 targets are not between 1 and 256", Options{})
	f("target 0 has no payload", Options{Targets: make([]Target, 1)})
	f("a run has either arrivals or a closed loop", Options{Targets: one})
	f("arrival 1 goes to target 1 of 1", Options{Targets: one, Arrivals: []Arrival{{}, {Target: 1}}})
	f("arrival 0 sends payload 3 of 1", Options{Targets: one, Arrivals: []Arrival{{Variant: 3}}})
	f("arrival 1 goes back in time, from 2s to 1s", Options{Targets: one, Arrivals: []Arrival{{At: 2 * time.Second}, {At: time.Second}}})
	f("-1 connections are less than none", Options{Targets: one, Arrivals: []Arrival{{}}, Connections: -1})
	f("gathering for 5ms is more than 1ms", Options{Targets: one, Arrivals: []Arrival{{}}, Gather: 5 * time.Millisecond})
	f("a closed loop of 0 workers for 0s does nothing", Options{Targets: one, Closed: &Closed{}})
	f("payload 0 of target 0 has no place for its identity at byte 3", Options{Targets: []Target{{Payloads: []Payload{{Bytes: []byte("abcdef"), ID: 3}}}}})
}
