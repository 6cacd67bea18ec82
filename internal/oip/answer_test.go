package oip

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"sluice/internal/fault"
	"sluice/internal/oip/v1"
	"sluice/internal/oip/wire"
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
		formats := map[string]func(form wire.AnswerForm, dst []byte) ([]byte, error){
			"binary": func(form wire.AnswerForm, dst []byte) ([]byte, error) {
				r := Request{Outputs: []OutputChoice{{Wanted: true, Binary: true}}, Form: form}
				out, _, err := r.AppendResponse(dst, s, "m", "1", tk)
				return out, err
			},
			"JSON": func(form wire.AnswerForm, dst []byte) ([]byte, error) {
				r := Request{Outputs: []OutputChoice{{Wanted: true}}, Form: form}
				out, _, err := r.AppendResponse(dst, s, "m", "1", tk)
				return out, err
			},
			"V1": func(form wire.AnswerForm, dst []byte) ([]byte, error) {
				r := v1.Request{Form: form}
				return r.AppendResponse(dst, s, tk)
			},
			"V1 rows": func(form wire.AnswerForm, dst []byte) ([]byte, error) {
				r := v1.Request{Form: form, Row: true}
				return r.AppendResponse(dst, s, tk)
			},
		}
		for name, write := range formats {
			if noJSON && name != "binary" {
				continue
			}
			whole, err := write(wire.AnswerForm{}, nil)
			if err != nil {
				t.Fatalf("%s %s: %v", kind, name, err)
			}
			out, err := write(wire.AnswerForm{MaxBytes: int64(len(whole))}, []byte("before"))
			if err != nil || string(out) != "before"+string(whole) {
				t.Errorf("%s %s: got %q, %v, want %q", kind, name, out, err, whole)
			}
			for _, limit := range []int64{1, int64(len(whole)) / 2, int64(len(whole)) - 1} {
				out, err := write(wire.AnswerForm{MaxBytes: limit}, []byte("before"))
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
	r := Request{Outputs: []OutputChoice{{Wanted: true}}, Form: wire.AnswerForm{MaxBytes: limit}}
	out, _, err := r.AppendResponse(nil, s, "m", "1", tk)
	if !fault.Is(err, fault.AnswerTooLarge) || cap(out) > 2*limit {
		t.Errorf("got %v, and %d bytes of memory for a limit of %d", err, cap(out), limit)
	}
	v1 := v1.Request{Form: wire.AnswerForm{MaxBytes: limit}}
	out, err = v1.AppendResponse(nil, s, tk)
	if !fault.Is(err, fault.AnswerTooLarge) || cap(out) > 2*limit {
		t.Errorf("V1: got %v, and %d bytes of memory for a limit of %d", err, cap(out), limit)
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
			r := &Request{Outputs: []OutputChoice{{Wanted: true, Binary: binary, Classification: values}}, Form: wire.AnswerForm{MaxBytes: limit}}
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
