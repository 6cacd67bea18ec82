package httpfront

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sluice/gateway"
	"sluice/internal/fault"
)

// The goroutine that keeps fasthttp's date, which the tests of the bare library start, never ends.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"))
}

// edge is a server on a free port.
type edge struct {
	t      *testing.T
	server *Server
	addr   string
	models *fakeModels
	seen   *recorder
	// onAdmin says that addr is the admin port, which the OpenAPI document is not about.
	onAdmin bool
}

// recorder remembers what the observer was told.
type recorder struct {
	mu       sync.Mutex
	statuses []int
	outcomes []gateway.Outcome
	refused  []fault.Kind
	open     int
	answered func() // called before an answer is written; nil if nothing is
}

func (r *recorder) ended(x *gateway.Exchange) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.outcomes = append(r.outcomes, x.Outcome)
}

func (r *recorder) Refused(kind fault.Kind) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refused = append(r.refused, kind)
}

func (r *recorder) Connected(delta int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open += delta
}

func (r *recorder) Answered(status int) {
	if r.answered != nil {
		r.answered()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.statuses = append(r.statuses, status)
}

// workers is how many workers a test's server has.
var workers = 2

// TestOnGoroutines repeats on connections with goroutines of their own what the other tests
// prove of event loops.
func TestOnGoroutines(t *testing.T) {
	defer func(n int) { workers = n }(workers)
	workers = 0
	for name, test := range map[string]func(*testing.T){
		"inputs": TestBadInputs, "stalls": TestStalls, "scheduler faults": TestSchedulerFaults,
		"outputs": TestConformanceOutputs, "binary": TestConformanceBinaryInputs, "checks": TestConformanceChecks,
		"types": TestConformanceTypes, "parameters": TestConformanceParameters, "V1": TestConformanceV1,
		"golden": TestGoldenWire, "pipelining": TestPipelining, "deep pipelining": TestDeepPipelining,
		"fragments": TestChunkedAndFragmentedRequests, "write timeout": TestWriteTimeout, "idle timeout": TestIdleTimeout,
		"drain": TestDrainLosesNothing, "drain deadline": TestDrainDeadline, "first request": TestShutdownWaitsForTheFirstRequest,
		"last answer": TestLastAnswerIsNotReset, "limit": TestConnectionLimit,
		"panic": TestPanicIsOneRequest, "peer": TestPeerGone, "own answers": TestAnswersAreOnesOwn,
		"HEAD": TestHead, "refusals of HEAD": TestHeadRefusals, "compression": TestCompressedRequests, "gzip": TestGzipMembers,
		"ids": TestEveryAnswerHasItsID, "ids of pipelined requests": TestIDsDoNotMix, "ids in the log": TestLogLinesHaveTheID,
		"access log": TestAccessLog, "access log of failures": TestAccessLogOfWhatWentWrong, "access log of many": TestAccessLogDoesNotMix,
		"expectations refused": TestExpectationsThatAreRefused, "expectations met": TestExpectationsThatAreMet,
		"field cases": TestFieldCases, "causes": TestCausesAreLogged, "coupled": TestCoupled,
		"timeouts": TestTimeoutLengthensTheBudget, "wire cases": TestWireCases, "answers": TestAnswerLimit, "overruns": TestOverrunsAreCounted, "bodies": TestGatheredBodies, "budgets": TestInputsAndAnswersAreBounded, "unread answers": TestUnreadAnswersAreCounted, "non-finite": TestNonFiniteAnswers,
		"pending fills": TestPendingFillsHoldUpNobody, "abandoned fills": TestAbandonedFillsAreBounded, "many fills": TestFillsOfManyExchanges,
		"ladders": TestLadder, "clients that leave ladders": TestLadderOfClientsThatLeave, "forms of ladders": TestLadderForms, "many ladders": TestLaddersOfManyExchanges,
	} {
		t.Run(name, test)
	}
}

func serve(t *testing.T, models *fakeModels, change func(*setup)) *edge {
	t.Helper()
	seen := &recorder{}
	s := made(t, models, func(o *setup) {
		o.Core.Ended = []gateway.Listener{{Name: "test", Ended: seen.ended}}
		o.Observer, o.Version, o.Workers, o.Run = seen, "1.2.3", workers, func() (bool, time.Duration) { return false, 0 }
		if change != nil {
			change(o)
		}
	})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(ln) }()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("cannot close: %v", err)
		}
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return &edge{t: t, server: s, addr: ln.Addr().String(), models: models, seen: seen}
}

// answerOf is an answer that was read whole.
type answerOf struct {
	status int
	header http.Header
	body   string
	close  bool
}

func (e *edge) dial() net.Conn {
	e.t.Helper()
	c, err := net.Dial("tcp", e.addr)
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	return c
}

// send writes raw bytes on a connection of its own and reads one answer.
func (e *edge) send(raw string) answerOf {
	e.t.Helper()
	c := e.dial()
	defer c.Close()
	return e.exchange(c, bufio.NewReader(c), raw)
}

func (e *edge) exchange(w io.Writer, r *bufio.Reader, raw string) answerOf {
	e.t.Helper()
	if _, err := io.WriteString(w, raw); err != nil {
		e.t.Fatalf("cannot send: %v", err)
	}
	a, err := readAnswer(r)
	if err != nil {
		e.t.Fatalf("cannot read the answer to %.200q: %v", raw, err)
	}
	e.describe(raw, a)
	return a
}

func readAnswer(r *bufio.Reader) (answerOf, error) {
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return answerOf{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return answerOf{resp.StatusCode, resp.Header, string(body), resp.Close}, err
}

// request renders a request; headers are "Name: value".
func request(method, path, body string, headers ...string) string {
	b := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: h\r\n", method, path)
	for _, h := range headers {
		b += h + "\r\n"
	}
	if body != "" || method == "POST" {
		b += fmt.Sprintf("Content-Length: %d\r\n", len(body))
	}
	return b + "\r\n" + body
}

const sixteen = "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16"

// simpleBody is a JSON request for the simple model.
func simpleBody(more string) string {
	in := func(name string) string {
		return `{"name":"` + name + `","datatype":"INT32","shape":[1,16],"data":[` + sixteen + `]}`
	}
	return `{` + more + `"inputs":[` + in("INPUT0") + `,` + in("INPUT1") + `]}`
}

const simpleInfer = "/v2/models/simple/infer"

// good proves that the server still works.
func (e *edge) good() {
	e.t.Helper()
	a := e.send(request("POST", simpleInfer, simpleBody("")))
	if a.status != 200 || !strings.Contains(a.body, `"data":[2,4,6`) {
		e.t.Fatalf("a good request got %d %s", a.status, a.body)
	}
}

func TestSimpleJSON(t *testing.T) {
	e := serve(t, fixtures(), nil)
	a := e.send(request("POST", simpleInfer, simpleBody(`"id":"42",`)))
	const want = `{"id":"42","model_name":"simple","model_version":"1","outputs":[` +
		`{"name":"OUTPUT0","datatype":"INT32","shape":[1,16],"data":[2,4,6,8,10,12,14,16,18,20,22,24,26,28,30,32]},` +
		`{"name":"OUTPUT1","datatype":"INT32","shape":[1,16],"data":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]}]}`
	if a.status != 200 || a.body != want {
		t.Fatalf("got %d %s", a.status, a.body)
	}
	for name, want := range map[string]string{
		"Content-Type":  "application/json",
		"Sluice-Model":  "simple;version=1;digest=sha256:00ff",
		"Sluice-Device": "fake",
		"Sluice-Batch":  "1",
	} {
		if got := a.header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	timing := a.header.Get("Server-Timing")
	for _, stage := range []string{"decode;dur=", "queue;dur=", "run;dur=", "encode;dur="} {
		if !strings.Contains(timing, stage) {
			t.Errorf("Server-Timing %q lacks %s", timing, stage)
		}
	}
}

func TestShutdownOfAnIdleServer(t *testing.T) {
	e := serve(t, fixtures(), nil)
	c := e.dial()
	r := bufio.NewReader(c)
	if a := e.exchange(c, r, request("GET", "/v2/health/live", "")); a.status != 200 {
		t.Fatalf("got %d", a.status)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := e.server.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := r.ReadByte(); err != io.EOF {
		t.Fatalf("got %v on a kept connection, want EOF", err)
	}
}

// outcomes are those of the first n predictions, once they have ended.
func (e *edge) outcomes(n int) (all []gateway.Outcome) {
	e.t.Helper()
	e.eventually(fmt.Sprintf("%d predictions have ended", n), func() bool {
		e.seen.mu.Lock()
		defer e.seen.mu.Unlock()
		all = slices.Clone(e.seen.outcomes)
		return len(all) >= n
	})
	return all
}

// eventually waits for something that another goroutine brings about.
func (e *edge) eventually(what string, ok func() bool) {
	e.t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(30 * time.Second); !ok(); <-tick.C {
		if time.Now().After(end) {
			e.t.Fatalf("it did not happen that %s", what)
		}
	}
}
