package httpfront

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"sluice/gateway"
	"sluice/internal/fault"
	"sluice/internal/longtest"
	"sluice/internal/oip/target"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// ladder is a stage of tests in which the model simple fills too little, and has the rungs one, two and a constant; the model bare has
// the first two alone. What happens is told by the letters of the request's id: the first that of the asked model's fill, the second
// and the third those of the rungs.
//
//	n, q, s   the fill reports at once, soon, or slowly: too little of the asked model, and all of a rung
//	a         (asked) the inputs are filled
//	u, v      (rung) the fill fails, soon or at once
//	b         (rung) the fill finds too little
//	p         (rung) there is no model
//	r, e      (rung) the queue refuses the task, or its run fails
//	x         (rung) the fill gets stuck
type ladder struct {
	t     *testing.T
	stuck *fills // the fills that got stuck
	pins  map[string]*rungModel
	ended sync.Map // of ids
	live  atomic.Int64
	gone  atomic.Int64 // with their clients
}

// rungModel is a model of a rung.
type rungModel struct {
	*fakeModel
}

const (
	runRefuses = 100 + iota // in Task.ShapeKey: what is to become of the task
	runFails
)

func (m *rungModel) Submit(t *task.Task) error {
	if t.ShapeKey == runRefuses {
		return fault.New(fault.Overloaded, "the queue is full")
	}
	return m.fakeModel.Submit(t)
}

func (m *rungModel) Predict(t *task.Task) error {
	if t.ShapeKey == runRefuses {
		return fault.New(fault.Overloaded, "the queue is full")
	}
	return m.fakeModel.Predict(t)
}

// newRungModel is simple whose outputs are greater by a number, and whose tensors are in the other order if turned.
func newRungModel(name string, plus int32, turned bool) *rungModel {
	m := simpleModel()
	info := *m.info
	schema := *info.Schema
	schema.Inputs, schema.Outputs = slices.Clone(schema.Inputs), slices.Clone(schema.Outputs)
	first, second := 0, 1
	if turned {
		slices.Reverse(schema.Inputs)
		slices.Reverse(schema.Outputs)
		first, second = 1, 0
	}
	info.Name, info.Schema, info.Client = name, &schema, nil
	m.info = gateway.NewModelInfo(info)
	m.run = func(t *task.Task) error {
		if t.ShapeKey == runFails {
			return fault.New(fault.InferenceFailed, "the run has failed")
		}
		sum, difference := make([]int32, 16), make([]int32, 16)
		for i := range sum {
			a, b := int32(tensor.IntAt(tensor.Int32, t.Inputs[first].Data[4*i:])), int32(tensor.IntAt(tensor.Int32, t.Inputs[second].Data[4*i:]))
			sum[i], difference[i] = a+b+plus, a-b+plus
		}
		for k, out := range map[int][]int32{first: sum, second: difference} {
			if err := t.SetRows(k, &schema.Outputs[k], []int64{16}, 0, 1, ints(out...)); err != nil {
				return err
			}
		}
		return nil
	}
	return &rungModel{m}
}

// fill is that of every model.
func (l *ladder) fill(x *gateway.Exchange) (gateway.Step, error) {
	level := map[string]int{"simple": 0, "bare": 0, "one": 1, "two": 2}[x.Model.Info().Name]
	id := string(x.ID)
	what := id[level]
	below := level == 0 && what != 'a' || what == 'b'
	report := func() (err error) {
		switch {
		case below:
			x.Filling.Below, x.Filling.Default = true, 1
			err = fault.New(fault.FeatureUnavailable, "too little is there")
		case what == 'u' || what == 'v':
			err = fault.New(fault.NoCapacity, "the store is full")
		case what == 'r':
			x.Task.ShapeKey = runRefuses
		case what == 'e':
			x.Task.ShapeKey = runFails
		default:
			x.Filling.Stored = 1
		}
		return err
	}
	finish := func() {
		var err error
		if x.TryTake() {
			err = report()
		}
		x.Filled(err)
	}
	switch what {
	case 'q', 'u', 'b', 'e':
		go finish()
	case 's': // around the time of a check
		time.AfterFunc(time.Duration(1+id[len(id)-1]%6)*time.Millisecond, finish)
	case 'x':
		l.stuck.mu.Lock()
		defer l.stuck.mu.Unlock()
		l.stuck.stuck[id], l.stuck.held[x] = x, true
	default:
		if err := report(); err != nil {
			return gateway.Ends, err
		}
		return gateway.GoesOn, nil
	}
	return gateway.Pending, nil
}

// rung is one with a model. Its Pin does not know the request, so that who is to be away is told by the model that is asked for.
func (l *ladder) rung(from, to *rungModel, away bool) gateway.Rung {
	mapping, err := target.Map(from.info.Client, to.info.Client)
	if err != nil {
		l.t.Fatal(err)
	}
	return gateway.Rung{Name: "model:" + to.info.Name, Pin: func() (gateway.Model, *target.Mapping, error) {
		if away {
			return nil, nil, fault.New(fault.ModelNotReady, "it is away")
		}
		to.pins.Add(1)
		return to, mapping, nil
	}}
}

func newLadder(t *testing.T) (*ladder, *edge) {
	l := &ladder{t: t, stuck: newFills(t), pins: map[string]*rungModel{}}
	models := fixtures()
	for _, m := range []*rungModel{newRungModel("simple", 0, false), newRungModel("bare", 0, false), newRungModel("away", 0, false), newRungModel("one", 100, false), newRungModel("two", 200, true)} {
		m.info.Fill = l.fill
		l.pins[m.info.Name] = m
	}
	for _, name := range []string{"simple", "bare", "away"} {
		m := l.pins[name]
		m.info.Ladder = []gateway.Rung{l.rung(m, l.pins["one"], name == "away"), l.rung(m, l.pins["two"], name == "away")}
		models.models[name] = m.fakeModel
	}
	row := gateway.Constant{Rows: true, Shape: []int64{16}, Data: bytes.Repeat([]byte{7, 0, 0, 0}, 16)}
	l.pins["simple"].info.Ladder = append(l.pins["simple"].info.Ladder, gateway.Rung{Name: "constant", Constant: []gateway.Constant{row, row}})
	e := serve(t, models, func(o *setup) {
		o.Core.MaxAbandoned = 1 << 20
		o.Core.Ended = append(o.Core.Ended, gateway.Listener{Name: "ladder", Ended: l.listen})
	})
	return l, e
}

// listen holds what listeners see of each exchange against itself.
func (l *ladder) listen(x *gateway.Exchange) {
	if _, twice := l.ended.LoadOrStore(string(x.ID), true); twice {
		l.t.Errorf("%s has ended twice", x.ID)
	}
	if x.Outcome.Fault == fault.ClientClosed {
		l.gone.Add(1)
	}
	l.live.Add(1)
	asked, own := x.Asked().Info(), x.Own()
	if asked.Name == "one" || asked.Name == "two" || own.Inputs[0].Name != "INPUT0" || !bytes.Equal(own.Inputs[0].Data, count(1)) {
		l.t.Errorf("%s asked %s with %v", x.ID, asked.Name, own.Inputs[0])
	}
	if x.ID[0] == 'a' && x.Fall.From != nil {
		l.t.Errorf("%s has fallen to %s", x.ID, x.Fall.Rung)
	}
	if n := x.Fall.Number(); x.Fall.Rung != "" && asked.Ladder[n].Name != x.Fall.Rung || x.Fall.Rung == "" && n != -1 {
		l.t.Errorf("%s ended on rung %d, %q", x.ID, n, x.Fall.Rung)
	}
}

// want is what becomes of a request by its id.
func (l *ladder) want(model, id string) (status int, rung, text string) {
	said := ""
	for level, name := range []string{"", "one", "two"} {
		switch what := id[level]; {
		case level == 0 && what == 'a':
			return 200, "", `"outputs":[{"name":"OUTPUT0","datatype":"INT32","shape":[1,16],"data":[2,4,`
		case level == 0:
			continue
		case model == "away":
			said += "; model:" + name + ": it is away"
		case what == 'n' || what == 'q' || what == 's':
			if level == 1 {
				return 200, "model:one", `"parameters":{"degraded":true,"rung":"model:one"},"outputs":[{"name":"OUTPUT0","datatype":"INT32","shape":[1,16],"data":[102,104,`
			}
			return 200, "model:two", `"parameters":{"degraded":true,"rung":"model:two"},"outputs":[{"name":"OUTPUT1","datatype":"INT32","shape":[1,16],"data":[200,200,`
		case what == 'x':
			return 504, "", "the deadline passed before" // the fill reports, or on a slow machine before it begins
		default:
			said += "; model:" + name + ": " + map[byte]string{'u': "the store is full", 'v': "the store is full", 'b': "too little is there", 'r': "the queue is full", 'e': "the run has failed"}[what]
		}
	}
	if model == "simple" {
		return 200, "constant", `"parameters":{"degraded":true,"rung":"constant"},"outputs":[{"name":"OUTPUT0","datatype":"INT32","shape":[1,16],"data":[7,7,`
	}
	return 503, "", "too little is there; its ladder does not answer either: " + said[2:]
}

// asking is a request whose inputs are 1 to 16.
func asking(model, id string) string {
	budget := time.Minute
	if id[1] == 'x' && model != "away" {
		budget = 20 * time.Millisecond
	}
	return post("/v2/models/"+model+"/infer", simpleBody(""), "X-Request-Id: "+id, fmt.Sprint("Sluice-Budget-Ms: ", budget.Milliseconds()))
}

// over holds that nothing is left of what has ended: no pin.
func (l *ladder) over(e *edge, asked int) {
	e.eventually("all have ended", func() bool { return l.live.Load() >= int64(asked) })
	l.stuck.report(l.stuck.all()...)
	for name, m := range l.pins {
		e.eventually("the model is let go", func() bool { return m.pins.Load() == 0 })
		if n := m.pins.Load(); n != 0 {
			l.t.Errorf("%s is pinned %d times", name, n)
		}
	}
}

// The rungs are tried in their order, whatever keeps one from its answer, and the answer says which one gave it.
func TestLadder(t *testing.T) {
	l, e := newLadder(t)
	n := 0
	for _, model := range []string{"simple", "bare", "away"} {
		for _, asked := range "anqs" {
			for _, one := range "nqsuvbrex" {
				for _, two := range "nuve" {
					id := fmt.Sprintf("%c%c%c-%s", asked, one, two, model)
					status, rung, text := l.want(model, id)
					a := e.send(asking(model, id))
					n++
					if a.status != status || a.header.Get("Sluice-Rung") != rung || !strings.Contains(a.body, text) {
						t.Errorf("%s: got %d %q %s\nwant %d %q %s", id, a.status, a.header.Get("Sluice-Rung"), a.body, status, rung, text)
					}
					by := map[string]string{"model:one": "one;", "model:two": "two;"}[rung]
					if tag := a.header.Get("Sluice-Model"); status == 200 && !strings.HasPrefix(tag, by) || by == "" && status != 504 && !strings.HasPrefix(tag, model+";") {
						t.Errorf("%s: Sluice-Model is %s", id, tag)
					}
				}
			}
		}
	}
	l.over(e, n)
}

// Clients that hang up while a rung is filled end their requests, and nothing else.
func TestLadderOfClientsThatLeave(t *testing.T) {
	l, e := newLadder(t)
	const clients = 50
	var waiting []net.Conn
	for i := range clients {
		c := e.dial()
		_, _ = io.WriteString(c, post("/v2/models/bare/infer", simpleBody(""), fmt.Sprint("X-Request-Id: ", string("nqs"[i%3]), "xn", i), "Sluice-Budget-Ms: 60000"))
		waiting = append(waiting, c)
	}
	e.eventually("the rungs are being filled", func() bool { return len(l.stuck.all()) == clients })
	for i := range 100 {
		id := fmt.Sprintf("%cbn-%d", "nqs"[i%3], i)
		status, rung, text := l.want("simple", id)
		if a := e.send(asking("simple", id)); a.status != status || a.header.Get("Sluice-Rung") != rung || !strings.Contains(a.body, text) {
			t.Errorf("%s: got %d %s", id, a.status, a.body)
		}
	}
	for _, c := range waiting {
		_ = c.Close()
	}
	l.over(e, clients+100)
	if n := l.gone.Load(); n != clients {
		t.Errorf("%d requests ended with their clients, want %d", n, clients)
	}
}

// The outputs that a request asks for come from rungs in the forms that it wants, also where a rung has them in another order; V1 has the
// header alone.
func TestLadderForms(t *testing.T) {
	l, e := newLadder(t)
	in := strings.TrimPrefix(simpleBody(""), "{")
	f := func(path, id, body, want string) {
		t.Helper()
		if a := e.send(post(path, body, "X-Request-Id: "+id)); a.status != 200 || !strings.Contains(a.body, want) || strings.Contains(path, "/v1/") && strings.Contains(a.body, "rung") {
			t.Errorf("%s: got %d %s", id, a.status, a.body)
		}
	}
	one := `{"outputs":[{"name":"OUTPUT1","parameters":{"classification":1}}],` + in
	f("/v2/models/simple/infer", "nn-1", one, `"outputs":[{"name":"OUTPUT1","datatype":"BYTES","shape":[1,1],"data":["100:0"]}]`)
	f("/v2/models/simple/infer", "nvn-1", one, `"outputs":[{"name":"OUTPUT1","datatype":"BYTES","shape":[1,1],"data":["200:0"]}]`)
	f("/v2/models/simple/infer", "nvv-1", one, `"outputs":[{"name":"OUTPUT1","datatype":"BYTES","shape":[1,1],"data":["7:0"]}]`)
	v1 := `{"instances":[{"INPUT0":[` + sixteen + `],"INPUT1":[` + sixteen + `]}]}`
	f("/v1/models/simple:predict", "nn-2", v1, `{"predictions":[{"OUTPUT0":[102,104,`)
	f("/v1/models/simple:predict", "nvn-2", v1, `"OUTPUT0":[202,204,`)
	f("/v1/models/simple:predict", "nvv-2", v1, `{"predictions":[{"OUTPUT0":[7,7,`)
	l.over(e, 6)
}

// Of 100,000 exchanges that go down ladders in every way, each ends once and with its own answer, and no model stays pinned.
func TestLaddersOfManyExchanges(t *testing.T) {
	total := 100_000
	if workers == 0 || longtest.LeftOut() {
		total = 5000
	}
	l, e := newLadder(t)
	const clients = 64
	var running sync.WaitGroup
	for client := range clients {
		running.Go(func() {
			if err := l.ask(e.addr, client, total/clients+1); err != nil {
				t.Error(err)
			}
		})
	}
	running.Wait()
	l.over(e, clients*(total/clients+1))
}

// ask sends n requests on one connection and looks at each answer.
func (l *ladder) ask(addr string, client, n int) error {
	random := rand.New(rand.NewPCG(uint64(client), 2))
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Minute))
	r := bufio.NewReader(c)
	var resp fasthttp.Response
	for i := range n {
		one, two := "nnqsuvbre"[random.IntN(9)], "nnqsuvbre"[random.IntN(9)]
		if random.IntN(500) == 0 {
			one = 'x'
		}
		model := []string{"simple", "bare", "away"}[random.IntN(3)]
		id := fmt.Sprintf("%c%c%c%d-%d", "aannqqs"[random.IntN(7)], one, two, client, i)
		status, rung, text := l.want(model, id)
		if _, err := io.WriteString(c, asking(model, id)); err != nil {
			return err
		}
		if err := resp.Read(r); err != nil {
			return err
		}
		if body := string(resp.Body()); resp.StatusCode() != status || string(resp.Header.Peek("Sluice-Rung")) != rung || string(resp.Header.Peek("X-Request-Id")) != id || !strings.Contains(body, text) {
			return fmt.Errorf("%s %s: got %d %s, want %d %s", model, id, resp.StatusCode(), body, status, text)
		}
	}
	return nil
}
