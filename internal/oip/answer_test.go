package oip

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"

	"sluice/internal/fault"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// answering is a task whose only output is v, and its schema.
func answering(v tensor.Tensor) (*tensor.Schema, *task.Task) {
	s := &tensor.Schema{Inputs: []tensor.Spec{{Name: "x", Type: v.Type, Shape: v.Shape}}, Outputs: []tensor.Spec{{Name: v.Name, Type: v.Type, Shape: v.Shape}}}
	tk := task.Get()
	tk.Rows = 1
	tk.Reserve(1)
	tk.SetWhole(0, &s.Outputs[0], v.Shape, v.Data)
	return s, tk
}

// An answer of exactly the limit is written and one of a byte more is not, in every format, with
// every datatype, and nothing of it is left behind; the memory it takes is of the limit's size.
func TestAnswerLimit(t *testing.T) {
	for _, kind := range tensor.DataTypes {
		data := make([]byte, 50*kind.Size())
		if kind == tensor.Bytes {
			for i := range 50 {
				data = tensor.AppendBytes(data, strings.Repeat("\x01é", i))
			}
		}
		s, tk := answering(tensor.Tensor{Name: "y", Type: kind, Shape: []int64{50}, Data: data})
		noJSON := kind == tensor.FP16 || kind == tensor.BF16
		formats := map[string]func(form AnswerForm, dst []byte) ([]byte, error){
			"binary": func(form AnswerForm, dst []byte) ([]byte, error) {
				r := Request{Outputs: []OutputChoice{{Wanted: true, Binary: true}}, Form: form}
				out, _, err := r.AppendResponse(dst, s, "m", "1", tk)
				return out, err
			},
			"JSON": func(form AnswerForm, dst []byte) ([]byte, error) {
				r := Request{Outputs: []OutputChoice{{Wanted: true}}, Form: form}
				out, _, err := r.AppendResponse(dst, s, "m", "1", tk)
				return out, err
			},
			"V1": func(form AnswerForm, dst []byte) ([]byte, error) {
				r := V1Request{Form: form}
				return r.AppendResponse(dst, s, tk)
			},
			"V1 rows": func(form AnswerForm, dst []byte) ([]byte, error) {
				r := V1Request{Form: form, Row: true}
				return r.AppendResponse(dst, s, tk)
			},
		}
		for name, write := range formats {
			if noJSON && name != "binary" {
				continue
			}
			whole, err := write(AnswerForm{}, nil)
			if err != nil {
				t.Fatalf("%s %s: %v", kind, name, err)
			}
			out, err := write(AnswerForm{MaxBytes: int64(len(whole))}, []byte("before"))
			if err != nil || string(out) != "before"+string(whole) {
				t.Errorf("%s %s: got %q, %v, want %q", kind, name, out, err, whole)
			}
			for _, limit := range []int64{1, int64(len(whole)) / 2, int64(len(whole)) - 1} {
				out, err := write(AnswerForm{MaxBytes: limit}, []byte("before"))
				if !fault.Is(err, fault.AnswerTooLarge) || string(out) != "before" {
					t.Errorf("%s %s of %d bytes with a limit of %d: got %q, %v", kind, name, len(whole), limit, out, err)
				} else if !strings.Contains(err.Error(), fmt.Sprintf("%d bytes, the limit of limits.max_answer_bytes", limit)) || !strings.Contains(err.Error(), fmt.Sprint(len(data))) {
					t.Errorf("%s %s: the fault %v lacks a number", kind, name, err)
				}
			}
		}
		tk.Release()
	}
}

// One string of gigabytes of escapes would not be made in memory either.
func TestAnswerLimitInsideAString(t *testing.T) {
	text := strings.Repeat("\x01", 8<<20) // in JSON 48 MiB
	s, tk := answering(tensor.Tensor{Name: "y", Type: tensor.Bytes, Shape: []int64{1}, Data: tensor.AppendBytes(nil, text)})
	defer tk.Release()
	const limit = 9 << 20
	r := Request{Outputs: []OutputChoice{{Wanted: true}}, Form: AnswerForm{MaxBytes: limit}}
	out, _, err := r.AppendResponse(nil, s, "m", "1", tk)
	if !fault.Is(err, fault.AnswerTooLarge) || cap(out) > 2*limit {
		t.Errorf("got %v, and %d bytes of memory for a limit of %d", err, cap(out), limit)
	}
	v1 := V1Request{Form: AnswerForm{MaxBytes: limit}}
	out, err = v1.AppendResponse(nil, s, tk)
	if !fault.Is(err, fault.AnswerTooLarge) || cap(out) > 2*limit {
		t.Errorf("V1: got %v, and %d bytes of memory for a limit of %d", err, cap(out), limit)
	}
}

// The least that JSON takes is no more than what it takes.
func TestLeastJSON(t *testing.T) {
	for _, kind := range tensor.DataTypes {
		if kind == tensor.FP16 || kind == tensor.BF16 {
			continue
		}
		for _, n := range []int{0, 1, 2, 50} {
			data := make([]byte, n*kind.Size())
			for i := range n {
				switch kind {
				case tensor.Bytes:
					data = tensor.AppendBytes(data, "")
				case tensor.Bool:
					data[i] = 1
				}
			}
			v := tensor.Tensor{Name: "y", Type: kind, Shape: []int64{int64(n)}, Data: data}
			text, err := AppendValues(nil, &v)
			if err != nil || leastJSON(&v) != int64(len(text)) && kind != tensor.Bytes || leastJSON(&v) > int64(len(text)) {
				t.Errorf("%d of %s: at least %d bytes, and it takes %d: %s, %v", n, kind, leastJSON(&v), len(text), text, err)
			}
		}
	}
}

// null stands for what is not finite, and for nothing else.
func TestNullNonFinite(t *testing.T) {
	for _, kind := range []tensor.DataType{tensor.FP32, tensor.FP64} {
		values := []float64{math.NaN(), math.Inf(1), math.Inf(-1), -math.NaN(), math.MaxFloat32, -math.MaxFloat32, 0, math.Copysign(0, -1), math.SmallestNonzeroFloat32}
		var data []byte
		for _, v := range values {
			data = tensor.AppendFloat(data, kind, v)
		}
		v := tensor.Tensor{Name: "y", Type: kind, Shape: []int64{int64(len(values))}, Data: data}
		literal, err := appendValues(nil, &v, unbounded)
		if err != nil {
			t.Fatal(err)
		}
		w := unbounded
		w.nulls = true
		got, err := appendValues(nil, &v, w)
		want := strings.NewReplacer("NaN", "null", "-Infinity", "null", "Infinity", "null").Replace(string(literal))
		if err != nil || string(got) != want || strings.Count(want, "null") != 4 {
			t.Errorf("%s: got %s, %v, want %s", kind, got, err, want)
		}
	}
}

// Classes are strings of any length, of which one tensor of few bytes can have very many: they stop
// at the limit as well.
func TestAnswerLimitOfClasses(t *testing.T) {
	const values = 20_000
	var data []byte
	for range values {
		data = tensor.AppendFloat(data, tensor.FP64, 1e300) // 308 bytes of text
	}
	s, tk := answering(tensor.Tensor{Name: "y", Type: tensor.FP64, Shape: []int64{values}, Data: data})
	defer tk.Release()
	for _, binary := range []bool{false, true} {
		write := func(limit int64) ([]byte, *Request, error) {
			r := &Request{Outputs: []OutputChoice{{Wanted: true, Binary: binary, Classification: values}}, Form: AnswerForm{MaxBytes: limit}}
			out, _, err := r.AppendResponse(nil, s, "m", "1", tk)
			return out, r, err
		}
		whole, _, err := write(0)
		if err != nil {
			t.Fatal(err)
		}
		if out, _, err := write(int64(len(whole))); err != nil || !bytes.Equal(out, whole) {
			t.Errorf("binary %v: got %d bytes, %v, want %d", binary, len(out), err, len(whole))
		}
		const small = 1 << 20
		for _, limit := range []int64{1, small, int64(len(whole)) / 2, int64(len(whole)) - 1} {
			out, r, err := write(limit)
			want := fmt.Sprintf("the answer is larger than %d bytes, the limit of limits.max_answer_bytes; fewer classes (\"classification\") take fewer bytes", limit)
			if !fault.Is(err, fault.AnswerTooLarge) || err.Error() != want || len(out) != 0 {
				t.Errorf("binary %v with a limit of %d: got %d bytes, %v", binary, limit, len(out), err)
			}
			if limit <= small && cap(r.elements) > 2*small {
				t.Errorf("binary %v with a limit of %d: %d bytes of classes were made", binary, limit, cap(r.elements))
			}
		}
	}
}
