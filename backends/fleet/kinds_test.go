package fleet

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"sluice/backends"
	"sluice/backends/fake"
	"sluice/backends/onnx"
	"sluice/backends/worker"
	"sluice/internal/tensor"
)

func TestChoose(t *testing.T) {
	f := func(realGPU bool, usable string, want string) {
		t.Helper()
		var verdicts []Verdict
		for name := range strings.FieldsSeq("cuda:0 cuda:1 tensorrt:0 webgpu fake cpu") {
			verdicts = append(verdicts, Verdict{Device: name, Usable: slices.Contains(strings.Fields(usable), name)})
		}
		if got := strings.Join(Choose(verdicts, realGPU), " "); got != want {
			t.Errorf("of %q are chosen %q, want %q", usable, got, want)
		}
	}
	f(true, "cuda:0 cuda:1 tensorrt:0 webgpu fake cpu", "cuda:0 cuda:1 cpu")
	f(true, "cuda:1 webgpu cpu", "cuda:1 cpu")
	f(true, "webgpu cpu", "webgpu cpu")
	f(false, "webgpu fake cpu", "cpu") // a driver that is software
	f(true, "fake cpu", "cpu")
}

func TestPossible(t *testing.T) {
	f := func(gpus int, want string) {
		t.Helper()
		if got := strings.Join(Possible(gpus), " "); got != want {
			t.Errorf("with %d GPUs there might be %q, want %q", gpus, got, want)
		}
	}
	f(0, "cuda:0 tensorrt:0 webgpu cpu")
	f(2, "cuda:0 cuda:1 tensorrt:0 tensorrt:1 webgpu cpu")
}

func TestKinds(t *testing.T) {
	f := func(s Settings, HasWorker bool, lanes, spares int, staged, compiled bool) {
		t.Helper()
		fleet, err := New(Options{Devices: []Settings{s}, CPULanes: 7})
		if err != nil {
			t.Fatal(err)
		}
		d := fleet.Devices()[0]
		if d.HasWorker() != HasWorker || d.Lanes != lanes || d.Spares != spares || d.Staged() != staged || d.Compiled() != compiled {
			t.Errorf("%+v: worker %v, %d lanes, %d spares, staged %v, compiled %v", s, d.HasWorker(), d.Lanes, d.Spares, d.Staged(), d.Compiled())
		}
		for _, k := range kinds {
			if k.check == nil || k.try == nil || k.open == nil || k.host == nil || k.name.Counted() != (k.uncounted == "") {
				t.Errorf("the table's %v lacks something", k.name)
			}
		}
	}
	f(Settings{Name: "cpu"}, false, 7, 8, false, false)
	f(Settings{Name: "fake"}, true, 2, 0, true, false)
	f(Settings{Name: "cuda:1"}, true, 2, 0, true, true)
	f(Settings{Name: "tensorrt:0", Lanes: 3}, true, 3, 0, false, true)
	f(Settings{Name: "webgpu"}, true, 2, 0, true, true)
	f(Settings{Name: "cpu", Isolation: "process", Lanes: 3}, true, 3, 4, false, false)
	f(Settings{Name: "webgpu", Isolation: "none", Lanes: 1}, false, 1, 0, false, true)
}

// TestAnotherKind adds a kind of device as this one file of the table would: it is named, listed,
// tried, chosen, and opens models.
func TestAnotherKind(t *testing.T) {
	before := kinds
	defer func() { kinds = before }()
	kinds = append([]*kind{{
		name: "loop:", lanes: 3, compiled: true, chosen: always, listed: true,
		check: func(s *Settings) error { return fmt.Errorf("%s is always wrong", s.Name) },
		try:   tryNothing,
		open: func(string, onnx.Options) (backends.Session, error) {
			return fake.New(fake.Options{}), nil
		},
		host: func(string, onnx.Options, *Settings) (worker.Hosted, error) { return nil, nil },
	}}, kinds...)

	want := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	want("possible", strings.Join(Possible(1), " "), "loop:0 cuda:0 tensorrt:0 webgpu cpu")
	wrong := Settings{Name: "loop:x"}
	want("misspelled", wrong.Check().Error(), `device "loop:x" has no GPU's number behind the colon: write loop:0 to loop:255`)
	s := Settings{Name: "loop:4"}
	want("checked", s.Check().Error(), "loop:4 is always wrong")
	v, _ := Try(t.Context(), &s, "")
	want("chosen", strings.Join(Choose([]Verdict{v}, false), " "), "loop:4 cpu")

	f, err := New(Options{Devices: []Settings{s, {Name: "cpu"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := f.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	d := f.Find("loop:4")
	want("sizes", fmt.Sprint(d.Sizes(6)), "[1 2 4 6]")
	session, err := d.Open(t.Context(), Model{Schema: &tensor.Schema{MaxBatch: 6}})
	if err != nil {
		t.Fatal(err)
	}
	want("lanes and sessions", fmt.Sprint(d.Lanes, d.mu.open), "3 1")
	if err := session.Close(); err != nil {
		t.Error(err)
	}
	want("sessions after the last was closed", fmt.Sprint(d.mu.open), "0")
}
