package oip

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"sluice/internal/fault"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// echo is a model whose output is its input, name and all, so that its answers are
// requests again once "outputs" is called "inputs".
func echo(kind tensor.DataType, shape ...int64) *tensor.Schema {
	spec := []tensor.Spec{{Name: "é \"x\"", Type: kind, Shape: shape}}
	return &tensor.Schema{Inputs: spec, Outputs: spec, MaxBatch: 1000, MaxRows: 1000}
}

// roundTrip writes x as an answer, reads that as a request, and returns what it read.
func roundTrip(x tensor.Tensor, asBinary bool) (tensor.Tensor, error) {
	free := make([]int64, len(x.Shape))
	for i := range free {
		free[i] = -1
	}
	s := echo(x.Type, free...)
	x.Name = s.Inputs[0].Name
	tk := task.Get()
	tk.Reserve(1)
	tk.SetWhole(0, &s.Outputs[0], x.Shape, x.Data)
	r := Request{Outputs: []OutputChoice{{Wanted: true, Binary: asBinary}}, ID: []byte("\"7\"")}
	out, n, err := r.AppendResponse(nil, s, "m", "1", tk)
	tk.Release()
	if err != nil {
		return tensor.Tensor{}, err
	}
	out = bytes.Replace(out, []byte(`,"outputs":[`), []byte(`,"inputs":[`), 1)
	if n--; !asBinary || n < 0 {
		n = -1
	}
	r.Reset()
	tk = task.Get()
	s.Outputs = nil
	if err := r.Decode(s, "m", out, n, nil, tk); err != nil {
		return tensor.Tensor{}, fmt.Errorf("cannot read %q: %w", out, err)
	}
	if string(r.ID) != "\"7\"" || tk.Rows != int(x.Shape[0]) {
		return tensor.Tensor{}, fmt.Errorf("got id %q and %d rows from %q", r.ID, tk.Rows, out)
	}
	// Nothing may point into the body.
	for i := range out {
		out[i] = 0xaa
	}
	return tk.Inputs[0], nil
}

// failer is what testing and rapid have in common.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

func checkRoundTrip(t failer, x tensor.Tensor, asBinary bool) {
	t.Helper()
	got, err := roundTrip(x, asBinary)
	if err != nil {
		t.Fatalf("%s %v: %v", x.Type, x.Shape, err)
	}
	if !sameElements(x.Type, got.Data, x.Data) {
		t.Fatalf("%s %v: got %x, want %x", x.Type, x.Shape, got.Data, x.Data)
	}
}

func TestRoundTrip(t *testing.T) {
	for _, kind := range tensor.DataTypes {
		for _, asBinary := range []bool{true, false} {
			if !asBinary && (kind == tensor.FP16 || kind == tensor.BF16) {
				continue
			}
			t.Run(fmt.Sprintf("%s/binary=%v", kind, asBinary), func(t *testing.T) {
				rapid.Check(t, func(t *rapid.T) {
					shape := []int64{rapid.Int64Range(1, 4).Draw(t, "rows"), rapid.Int64Range(0, 5).Draw(t, "columns")}
					n, _ := tensor.Elements(shape)
					checkRoundTrip(t, tensor.Tensor{Type: kind, Shape: shape, Data: drawData(t, kind, int(n))}, asBinary)
				})
			})
		}
	}
}

func drawData(t *rapid.T, kind tensor.DataType, n int) (data []byte) {
	for range n {
		switch kind {
		case tensor.Bytes:
			data = tensor.AppendBytes(data, rapid.String().Draw(t, "text"))
		case tensor.Bool:
			data = append(data, byte(rapid.IntRange(0, 1).Draw(t, "bool")))
		case tensor.FP32:
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(rapid.Float32().Draw(t, "float")))
		case tensor.FP64:
			data = binary.LittleEndian.AppendUint64(data, math.Float64bits(rapid.Float64().Draw(t, "float")))
		default:
			for range kind.Size() {
				data = append(data, rapid.Byte().Draw(t, "byte"))
			}
		}
	}
	return data
}

// FuzzResponse writes any data as an answer and reads it back.
func FuzzResponse(f *testing.F) {
	f.Add(uint8(tensor.FP32), uint8(2), false, []byte("\x00\x00\x80\x3f\x00\x00\xc0\x7f"))
	f.Add(uint8(tensor.FP64), uint8(1), false, []byte("\x01\x00\x00\x00\x00\x00\x00\x00"))
	f.Add(uint8(tensor.Bytes), uint8(1), true, []byte("\x01\x00\x00\x00a\xff\x00"))
	f.Add(uint8(tensor.Int8), uint8(3), false, []byte("\x80\x7f\x00"))
	f.Fuzz(func(t *testing.T, kindByte, rows uint8, asBinary bool, data []byte) {
		kind := tensor.DataTypes[int(kindByte)%len(tensor.DataTypes)]
		if !asBinary && (kind == tensor.FP16 || kind == tensor.BF16) {
			asBinary = true
		}
		text := true
		n := int64(0)
		if size := int64(kind.Size()); size > 0 {
			n = int64(len(data)) / size
			data = data[:n*size]
			if kind == tensor.Bool {
				for i := range data {
					data[i] &= 1
				}
			}
		} else {
			var elements []byte
			for _, part := range bytes.Split(data, []byte{0xff}) {
				elements = tensor.AppendBytes(elements, part)
				text = text && utf8.Valid(part)
				n++
			}
			data = elements
		}
		shape := []int64{int64(rows%7) + 1, 0}
		shape[1] = n / shape[0]
		if shape[1]*shape[0] != n {
			shape = []int64{1, n}
		}
		x := tensor.Tensor{Type: kind, Shape: shape, Data: data}
		if !text && !asBinary {
			if _, err := roundTrip(x, false); !fault.Is(err, fault.InvalidUTF8) {
				t.Fatalf("got %v for bytes that are no text, want %s", err, fault.InvalidUTF8.Code())
			}
			return
		}
		checkRoundTrip(t, x, asBinary)
	})
}
