package gateway

import (
	"encoding/binary"
	"math"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"sluice/internal/clock"
	"sluice/internal/fault"
	"sluice/internal/oip/target"
	"sluice/internal/task"
)

// A ladder names its steps by their numbers.
func TestStepsOfLadders(t *testing.T) {
	for number, name := range map[int]string{filling: "fill", encoding: "encode"} {
		if got := runtime.FuncForPC(reflect.ValueOf(way[number]).Pointer()).Name(); !strings.HasSuffix(got, ")."+name) {
			t.Errorf("step %d is %s, want %s", number, got, name)
		}
	}
}

// below is a fill that finds too little.
func below(x *Exchange) (Step, error) {
	x.Filling = Filled{Stored: 1, Default: 9, Below: true}
	return Ends, fault.New(fault.FeatureUnavailable, "too little is there")
}

// failing is a model whose runs fail.
type failing struct {
	*echo
	err error
}

func (m failing) Predict(*task.Task) error { return m.err }

// rungs makes a ladder of echo on models that take what it takes.
func rungs(t *testing.T, echo *echo, models ...Model) (all []Rung) {
	t.Helper()
	for _, m := range models {
		mapping, err := target.Map(echo.info.Client, m.Info().Client)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, Rung{Name: "model:" + m.Info().Name, Pin: func() (Model, *target.Mapping, error) {
			m.(interface{ pin() }).pin()
			return m, mapping, nil
		}})
	}
	return all
}

func (m *echo) pin() { m.pins++ }

// A request goes down the ladder until something answers. Where its time is up it ends, whatever rungs are left.
func TestFall(t *testing.T) {
	asked, other := newEcho(), newEcho()
	other.info = NewModelInfo(ModelInfo{Name: "other", Version: "7", Schema: asked.info.Schema})
	refusing, late := failing{newEcho(), fault.New(fault.Overloaded, "the queue is full")}, failing{newEcho(), fault.New(fault.DeadlineExceeded, "the deadline passed")}
	asked.info.Fill = below
	seven := binary.LittleEndian.AppendUint32(nil, math.Float32bits(7))
	constant := Rung{Name: "constant", Constant: []Constant{{Rows: true, Shape: []int64{2}, Data: append(seven, seven...)}}}
	var told []string
	g, err := New(Options{Models: asked, Ended: []Listener{{Name: "rungs", Ended: func(x *Exchange) {
		text := x.Asked().Info().Name + " " + x.Model.Info().Name + " " + x.Fall.Rung
		if x.Fall.Constant() {
			text += " constant"
		}
		if x.Fall.From != nil && (x.Fall.Filling.Default != 9 || !x.Fall.Filling.Below) {
			t.Errorf("what was filled is %+v", x.Fall.Filling)
		}
		told = append(told, text)
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	f := func(answer string, kind fault.Kind, text, listener string, ladder ...Rung) {
		t.Helper()
		asked.info.Ladder = ladder
		told = nil
		got, f := ask(g, "echo", "a", echoBody)
		if !strings.Contains(got, answer) || (f == nil) != (kind == fault.None) || f != nil && (got != "" || f.Kind != kind || f.Text != text) {
			t.Errorf("got %s, %v\nwant %s, %s", got, f, answer, text)
		}
		if len(told) != 1 || told[0] != listener {
			t.Errorf("told were %q, want %q", told, listener)
		}
		if n := asked.pins + other.pins + refusing.pins + late.pins; n != 0 {
			t.Errorf("models are pinned %d times", n)
		}
	}
	f("", fault.FeatureUnavailable, "too little is there", "echo echo ")
	f(`"model_name":"other","model_version":"7","parameters":{"degraded":true,"rung":"model:other"},"outputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":[1.0,2.5]}]`, fault.None, "", "echo other model:other",
		rungs(t, asked, refusing, other)...)
	f(`"model_name":"echo","model_version":"1","parameters":{"degraded":true,"rung":"constant"},"outputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":[7.0,7.0]}]`, fault.None, "", "echo echo constant constant",
		append(rungs(t, asked, refusing), constant)...)
	f("", fault.FeatureUnavailable, "too little is there; its ladder does not answer either: model:echo: the queue is full", "echo echo ", rungs(t, asked, refusing)...)
	f("", fault.DeadlineExceeded, "the deadline passed", "echo echo model:echo", append(rungs(t, asked, late), constant)...)
	// Rungs do not chain.
	other.info.Fill, other.info.Ladder = below, []Rung{constant}
	f("", fault.FeatureUnavailable, "too little is there; its ladder does not answer either: model:other: too little is there", "echo echo ", rungs(t, asked, other)...)
}

// No rung is tried once the time is up.
func TestFallAfterTheDeadline(t *testing.T) {
	asked := newEcho()
	asked.info.Fill = func(x *Exchange) (Step, error) {
		x.Task.Deadline = clock.Now().Add(-time.Millisecond)
		return below(x)
	}
	asked.info.Ladder = []Rung{{Name: "constant", Constant: []Constant{{Rows: true, Shape: []int64{2}, Data: make([]byte, 8)}}}}
	g, err := New(Options{Models: asked})
	if err != nil {
		t.Fatal(err)
	}
	if a, f := ask(g, "echo", "a", echoBody); f == nil || f.Kind != fault.DeadlineExceeded || f.Text != "the deadline passed before a rung of the model's ladder answered" {
		t.Errorf("got %s, %v", a, f)
	}
}
