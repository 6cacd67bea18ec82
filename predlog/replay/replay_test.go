package replay

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"sluice/internal/agree"
	"sluice/internal/tensor"
	"sluice/predlog/table"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func floats(list ...float32) (b []byte) {
	for _, v := range list {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

// doubler answers y = 2x + off, and not at all for the model that is away.
type doubler struct{ off float32 }

func (d doubler) Ask(_ context.Context, m Model, inputs []tensor.Tensor, wanted []string) ([]tensor.Tensor, error) {
	if m.Name == "away" {
		return nil, errors.New("no such model")
	}
	var y []float32
	for i := range inputs[0].Shape[0] {
		y = append(y, 2*math.Float32frombits(binary.LittleEndian.Uint32(inputs[0].Data[4*i:]))+d.off)
	}
	y[0] += 100 * d.off
	return []tensor.Tensor{{Name: wanted[0], Type: tensor.FP32, Shape: inputs[0].Shape, Data: floats(y...)}}, nil
}

func (d doubler) Tolerance(context.Context, Model) (agree.Tolerance, error) {
	return agree.Tolerance{Abs: 0.01}, nil
}

// row is a request that doubler answers rightly.
func row(i int) table.Row {
	return table.Row{
		ID: fmt.Sprint("r", i), Model: "m", Version: "1", Rows: 2, Status: "OK", Tensors: table.TensorsKept, Replayable: true,
		Inputs:  []table.Tensor{{Name: "x", Datatype: "FP32", Shape: []int64{2}, Raw: floats(float32(i), 1)}},
		Outputs: []table.Tensor{{Name: "y", Datatype: "FP32", Shape: []int64{2}, Raw: floats(2*float32(i), 2)}},
	}
}

// replayRows runs over rows whose memory the reader uses again, as one of files may.
func replayRows(t *testing.T, o Options, rows ...table.Row) Report {
	t.Helper()
	r, err := Run(t.Context(), o, func(visit func(*table.Row) error) error {
		shared := make([]byte, 64)
		for i := range rows {
			one := rows[i]
			if len(one.Inputs) > 0 {
				in := one.Inputs[0]
				in.Raw = shared[:copy(shared, in.Raw)]
				one.Inputs = []table.Tensor{in}
			}
			if err := visit(&one); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.Replayed != r.Agree+r.Differ+r.Failed {
		t.Errorf("%+v", r)
	}
	return r
}

func TestReplay(t *testing.T) {
	var rows []table.Row
	for i := range 500 {
		rows = append(rows, row(i))
	}
	if r := replayRows(t, Options{Target: doubler{}}, rows...); r.Agree != 500 || r.Differ+r.Failed != 0 || len(r.Worst) > 0 {
		t.Errorf("%+v", r)
	}
	rows[77].Outputs[0].Raw = floats(2*77, 2.5)
	rows[88].Outputs[0].Raw = floats(2*88+3, 2)
	rows[99].Outputs[0].Raw = floats(2*99+0.009, 2) // within the tolerance
	r := replayRows(t, Options{Target: doubler{}, Model: Model{Name: "n"}, Of: "m"}, rows...)
	if r.Agree != 498 || r.Differ != 2 || len(r.Worst) != 2 {
		t.Fatalf("%+v", r)
	}
	first, second := r.Worst[0], r.Worst[1]
	if first.ID != "r88" || first.Asked != (Model{Name: "n"}) || first.Recorded != (Model{"m", "1"}) || !strings.Contains(first.Text, "output y, row 0: 176 instead of 179") {
		t.Errorf("the worst is %+v", first)
	}
	if second.ID != "r77" || !strings.Contains(second.Text, "output y, row 1: 2 instead of 2.5") {
		t.Errorf("the second is %+v", second)
	}
	if r := replayRows(t, Options{Target: doubler{off: 1}, Worst: 3}, rows...); r.Differ != 500 || len(r.Worst) != 3 {
		t.Errorf("%+v", r)
	}
}

// What is not whole is counted and not asked.
func TestSkipped(t *testing.T) {
	redacted, index, refused, large := row(1), row(2), row(3), row(4)
	redacted.Replayable = false
	index.Tensors, index.Inputs, index.Replayable = table.TensorsNotSampled, nil, false
	refused.Status, refused.Inputs, refused.Outputs, refused.Replayable = "OVERLOADED", nil, nil, false
	large.Tensors = table.TensorsTooLarge
	r := replayRows(t, Options{Target: doubler{}}, redacted, index, index, refused, large, row(5))
	if got := fmt.Sprint(r.Skipped); r.Replayed != 1 || got != "map[not_sampled:2 redacted:1 refused:1 too_large:1]" {
		t.Errorf("%+v", r)
	}
}

// Rows of other models are counted and not asked.
func TestOtherModels(t *testing.T) {
	other := row(2)
	other.Model = "o"
	if r := replayRows(t, Options{Target: doubler{}, Model: Model{Name: "m", Version: "7"}}, row(1), other, row(3)); r.Agree != 2 || r.Skipped["of_other_models"] != 1 {
		t.Errorf("%+v", r)
	}
	if r := replayRows(t, Options{Target: doubler{}, Of: "o"}, row(1), other, row(3)); r.Agree != 1 || r.Skipped["of_other_models"] != 2 {
		t.Errorf("%+v", r)
	}
	if r := replayRows(t, Options{Target: doubler{}, Model: Model{Name: "m"}, Of: "o"}, row(1), other, row(3)); r.Agree != 1 || r.Skipped["of_other_models"] != 2 {
		t.Errorf("%+v", r)
	}
}

// What gets no answer has failed, and the others go on.
func TestFailures(t *testing.T) {
	away, odd, more := row(1), row(2), row(3)
	away.Model = "away"
	odd.Inputs[0].Datatype = "COMPLEX"
	more.Outputs = append(more.Outputs, table.Tensor{Name: "z", Datatype: "FP32"})
	r := replayRows(t, Options{Target: doubler{}, Workers: 1}, away, odd, more, row(4))
	if r.Failed != 3 || r.Agree != 1 || r.Failure != "request r1: no such model" {
		t.Errorf("%+v", r)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Run(ctx, Options{Target: doubler{}}, func(visit func(*table.Row) error) error {
		for i := 0; ; i++ {
			one := row(i)
			if err := visit(&one); err != nil {
				return err
			}
			if i == 100 {
				cancel()
			}
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
}
