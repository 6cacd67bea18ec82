package gateway

import (
	"strings"
	"testing"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"sluice/internal/clock"
	"sluice/internal/fault"
	"sluice/internal/oip"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo is a model that answers with its input. It is its own repository.
type echo struct {
	info   *ModelInfo
	pins   int
	panics bool
	share  int // of canary; it cannot be pinned if it is nil
	canary *echo
}

func newEcho() *echo {
	spec := []tensor.Spec{{Name: "x", Type: tensor.FP32, Shape: []int64{-1, -1}}}
	return &echo{info: NewModelInfo(ModelInfo{Name: "echo", Version: "1", Schema: &tensor.Schema{Inputs: spec, Outputs: spec, MaxBatch: 8, MaxRows: 8}})}
}

func (m *echo) Acquire(name, _ string) (Model, error) {
	if name != "echo" {
		return nil, fault.New(fault.ModelNotFound, "no such model")
	}
	m.pins++
	return m, nil
}

func (m *echo) Split(bucket int) (int, Model) {
	if bucket < 0 || bucket >= m.share || m.canary == nil {
		return m.share, nil
	}
	m.canary.pins++
	return m.share, m.canary
}

func (m *echo) List() []ModelStatus            { return nil }
func (m *echo) Info() *ModelInfo               { return m.info }
func (m *echo) Refusing() bool                 { return false }
func (m *echo) Admit(_, _ clock.Instant) error { return nil }
func (m *echo) Submit(*task.Task) error        { return nil }
func (m *echo) Ready() error                   { return nil }
func (m *echo) Stats() (s oip.ModelStatistics) { return s }
func (m *echo) Release()                       { m.pins-- }
func (m *echo) Predict(t *task.Task) (err error) {
	if m.panics {
		panic("broken")
	}
	t.Reserve(1)
	t.SetWhole(0, &m.info.Schema.Outputs[0], t.Inputs[0].Shape, t.Inputs[0].Data)
	return nil
}

const echoBody = `{"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":[1,2.5]}]}`

// ask takes a request along the whole way, as a front end that waits does.
func ask(g *Gateway, model, id, body string) (answer string, f *fault.Error) {
	x := g.Get()
	x.Name, x.Format, x.Body, x.ID, x.Arrived = []byte(model), V2, []byte(body), append(x.ID, id...), clock.Now()
	if g.Predict(x) != Ends {
		panic("BUG: it is pending")
	}
	answer = string(x.Answer)
	if x.Err != nil {
		f = fault.Of(x.Err)
	}
	g.End(x)
	return answer, f
}

// A listener that panics is logged and harms nobody: neither the answer nor the listeners after it. A step that
// panics costs its exchange, which is told as any other.
func TestPanics(t *testing.T) {
	core, logs := observer.New(zap.ErrorLevel)
	model := newEcho()
	var told []string
	g, err := New(Options{Models: model, Log: zap.New(core), Ended: []Listener{
		{Name: "broken", Ended: func(*Exchange) { panic("it is broken") }},
		{Name: "sound", Ended: func(x *Exchange) { told = append(told, string(x.ID)+" "+x.Outcome.Fault.Code()) }},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if a, f := ask(g, "echo", "a", echoBody); f != nil || !strings.Contains(a, `"data":[1.0,2.5]`) {
		t.Errorf("got %s, %v", a, f)
	}
	if lines := logs.FilterMessage("a listener panicked").All(); len(lines) != 1 || lines[0].ContextMap()["listener"] != "broken" || lines[0].ContextMap()["request_id"] != "a" {
		t.Errorf("the log has %v", logs.All())
	}
	model.panics = true
	if a, f := ask(g, "echo", "b", echoBody); a != "" || f == nil || f.Kind != fault.Internal || strings.Contains(f.Text, "broken") {
		t.Errorf("got %s, %v", a, f)
	}
	model.panics = false
	_, _ = ask(g, "echo", "c", "{")
	_, _ = ask(g, "nope", "d", echoBody)
	if got := strings.Join(told, ", "); got != "a , b INTERNAL, c INVALID_JSON" {
		t.Errorf("told were %q", got)
	}
	if model.pins != 0 {
		t.Errorf("the model is pinned %d times", model.pins)
	}
}

// A Predict whose exchange has ended does nothing more.
func TestResumeAfterTheEnd(t *testing.T) {
	g, err := New(Options{Models: newEcho()})
	if err != nil {
		t.Fatal(err)
	}
	x := g.Get()
	x.Name, x.Format, x.Body = []byte("nope"), V2, []byte(echoBody)
	if g.Predict(x) != Ends || g.Resume(x) != Ends || !fault.Is(x.Err, fault.ModelNotFound) {
		t.Errorf("got %v", x.Err)
	}
	g.End(x)
}
