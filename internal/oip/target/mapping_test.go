package target

import (
	"bytes"
	"strings"
	"testing"

	"sluice/internal/memory"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

func spec(name string, kind tensor.DataType, part tensor.Part, shape ...int64) tensor.Spec {
	return tensor.Spec{Name: name, Type: kind, Shape: shape, Part: part}
}

// byIDs is what clients see of a model whose input dense is filled by user and hour.
func byIDs() *tensor.Schema {
	return &tensor.Schema{
		Inputs: []tensor.Spec{
			spec("dense", tensor.FP32, tensor.Filled, -1, 4), spec("item", tensor.Int64, tensor.Sent, -1), spec("user", tensor.Int64, tensor.Named, -1),
			spec("hour", tensor.FP32, tensor.Named, -1), spec("u:a", tensor.FP32, tensor.Given, -1),
		},
		Outputs:  []tensor.Spec{spec("score", tensor.FP32, tensor.Sent, -1), spec("label", tensor.Bytes, tensor.Sent, -1)},
		MaxBatch: 8, MaxRows: 8, Fills: true,
	}
}

// small takes the hour and the item alone.
func small() *tensor.Schema {
	return &tensor.Schema{
		Inputs:   []tensor.Spec{spec("hour", tensor.FP32, tensor.Sent, -1), spec("item", tensor.Int64, tensor.Sent, -1)},
		Outputs:  []tensor.Spec{spec("label", tensor.Bytes, tensor.Sent, -1), spec("score", tensor.FP32, tensor.Sent, -1)},
		MaxBatch: 8, MaxRows: 8,
	}
}

// A model takes the requests of another if it has the outputs, and needs no more than those have.
func TestMap(t *testing.T) {
	f := func(want string, to *tensor.Schema, change func(to *tensor.Schema)) {
		t.Helper()
		change(to)
		m, err := Map(byIDs(), to)
		if got := ""; err != nil {
			if got = err.Error(); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		} else if want != "" {
			t.Errorf("got %+v, want %s", m, want)
		}
	}
	none := func(*tensor.Schema) {}
	f("", byIDs(), none)
	f("", small(), none)
	f("it needs the input 'minute', which requests do without", small(), func(to *tensor.Schema) { to.Inputs[0].Name = "minute" })
	f("it needs the input 'dense', which requests do without", small(), func(to *tensor.Schema) { to.Inputs[0] = spec("dense", tensor.FP32, tensor.Sent, -1, 4) })
	f("its input 'hour' is FP64 instead of FP32", small(), func(to *tensor.Schema) { to.Inputs[0].Type = tensor.FP64 })
	f("its input 'hour' has the shape [-1,1] instead of [-1]", small(), func(to *tensor.Schema) { to.Inputs[0].Shape = []int64{-1, 1} })
	f("it has 1 outputs instead of 2", small(), func(to *tensor.Schema) { to.Outputs = to.Outputs[:1] })
	f("it has no output 'score'", small(), func(to *tensor.Schema) { to.Outputs[1].Name = "scores" })
	f("its output 'score' has the shape [-1,2] instead of [-1]", small(), func(to *tensor.Schema) { to.Outputs[1].Shape = []int64{-1, 2} })
	// What may be left out may differ: requests that have it cannot go there.
	f("", byIDs(), func(to *tensor.Schema) { to.Inputs[0].Shape[1], to.Inputs[4].Type = 6, tensor.FP64 })
}

// request is a task that was decoded for byIDs: two rows, with one hour for both.
func request(given ...tensor.Tensor) *task.Task {
	t := task.Get()
	t.Inputs = append(t.Inputs[:0], make([]tensor.Tensor, 5)...)
	t.Rows, t.Wanted = 2, 1
	t.Inputs[1] = tensor.Tensor{Name: "item", Type: tensor.Int64, Shape: []int64{2}, Data: make([]byte, 16)}
	t.Inputs[2] = tensor.Tensor{Name: "user", Type: tensor.Int64, Shape: []int64{1}, Data: make([]byte, 8)}
	t.Inputs[3] = tensor.Tensor{Name: "hour", Type: tensor.FP32, Shape: []int64{1}, Data: []byte{1, 2, 3, 4}}
	for _, in := range given {
		t.Inputs[4] = in
	}
	return t
}

func TestCarry(t *testing.T) {
	one := tensor.Tensor{Name: "u:a", Type: tensor.FP32, Shape: []int64{1}, Data: make([]byte, 4)}
	f := func(to *tensor.Schema, from *task.Task, want string) *task.Task {
		t.Helper()
		m, err := Map(byIDs(), to)
		if err != nil {
			t.Fatal(err)
		}
		d := New(to, "small", nil, task.Get())
		if err := m.Carry(&d, from); err != nil {
			if want == "" || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %s", err, want)
			}
		} else if want != "" {
			t.Errorf("it is taken; want %s", want)
		}
		from.Release()
		t.Cleanup(d.Task.Release)
		return d.Task
	}
	got := f(small(), request(one), "")
	if hour := &got.Inputs[0]; !bytes.Equal(hour.Data, []byte{1, 2, 3, 4, 1, 2, 3, 4}) || hour.Shape[0] != 2 || hour.Name != "hour" {
		t.Errorf("the hour is %+v", hour)
	}
	if got.Rows != 2 || got.Wanted != 2 || got.Inputs[1].Name != "item" {
		t.Errorf("it is %+v", got)
	}
	// A model whose inputs are filled too takes one for all rows, and is settled when it is filled.
	got = f(byIDs(), request(one), "")
	if got.Inputs[3].Shape[0] != 1 || got.Inputs[0].Type != tensor.Invalid || got.Inputs[4].Name != "u:a" || got.Wanted != 1 {
		t.Errorf("it is %+v", got)
	}
	other := byIDs()
	other.Inputs[4].Type = tensor.FP64
	f(other, request(one), "its input 'u:a' is of another type or shape")
	f(other, request(), "")
	narrow := small()
	narrow.MaxRows = 1
	f(narrow, request(), "inference request batch-size must be <= 1 for 'small'")
	without := request()
	without.Inputs[3] = tensor.Tensor{}
	f(small(), without, "it needs the input 'hour', which the request does not have")
}

// The memory of a request stays for as long as another task has its inputs.
func TestCarriedInputsStay(t *testing.T) {
	budget := memory.NewBudget(1 << 20)
	from := request()
	if !from.Arena.Claim(budget, 64<<10) {
		t.Fatal("there is no room")
	}
	from.Inputs[1].Data = from.Arena.Alloc(64 << 10)[:16]
	m, err := Map(byIDs(), small())
	if err != nil {
		t.Fatal(err)
	}
	d := New(small(), "small", nil, task.Get())
	if err := m.Carry(&d, from); err != nil {
		t.Fatal(err)
	}
	from.Release()
	if budget.Used() == 0 {
		t.Error("the memory of the inputs is given back while they are used")
	}
	d.Task.Release()
	if budget.Used() > 0 {
		t.Errorf("%d bytes are kept", budget.Used())
	}
}
