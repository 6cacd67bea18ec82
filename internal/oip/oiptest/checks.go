package oiptest

import (
	"bytes"
	"errors"
	"math"
	"testing"
	"unicode/utf8"

	"sluice/internal/fault"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// Code is the code of an error, for the text of a failing test.
func Code(err error) string {
	if err == nil {
		return "none"
	}
	return fault.Of(err).Kind.Code()
}

// CheckRefusal checks what holds for every error.
func CheckRefusal(t *testing.T, err error) {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) || f.Kind == fault.None || f.Kind == fault.Internal {
		t.Fatalf("got error %v of kind %s, want a client's fault", err, Code(err))
	}
	if !utf8.ValidString(f.Text) || f.Text == "" || len(f.Text) > 1000 {
		t.Fatalf("error text %q is not fit to be shown", f.Text)
	}
}

// CheckTask checks what the scheduler and the sessions rely on.
func CheckTask(t *testing.T, s *tensor.Schema, tk *task.Task) {
	t.Helper()
	if tk.Rows < 1 || s.Batchable() && tk.Rows > s.MaxRows || !s.Batchable() && tk.Rows != 1 {
		t.Fatalf("got %d rows", tk.Rows)
	}
	for i := range s.Inputs {
		in, spec := &tk.Inputs[i], &s.Inputs[i]
		checkTensor(t, spec, in)
		oneRow := spec.Once && spec.Shape[0] == 1
		if !s.Batchable() || in.Shape[0] == int64(tk.Rows) && !oneRow || in.Shape[0] == 1 && spec.Once {
			continue
		}
		t.Fatalf("got shape %v of %v in a task of %d rows", in.Shape, *spec, tk.Rows)
	}
	given, own := 0, tk.ShapeKey>>63 != 0
	for i := range tk.Optional {
		if tk.Optional[i].Type != tensor.Invalid {
			checkTensor(t, &s.Optional[i], &tk.Optional[i])
			given++
		}
	}
	if len(tk.Optional) != 0 && len(tk.Optional) != len(s.Optional) || (given > 0) != (len(tk.Optional) > 0) || (given > 0) != own {
		t.Fatalf("got %d of %d optional inputs in %d places and the key %x", given, len(s.Optional), len(tk.Optional), tk.ShapeKey)
	}
}

// checkTensor holds an input against its spec.
func checkTensor(t *testing.T, spec *tensor.Spec, in *tensor.Tensor) {
	t.Helper()
	elements, ok := tensor.Elements(in.Shape)
	if !ok || in.Name != spec.Name || in.Type != spec.Type || !fits(spec.Shape, in.Shape) {
		t.Fatalf("got input %s %s %v for %v", in.Name, in.Type, in.Shape, *spec)
	}
	if size := int64(in.Type.Size()); size > 0 && int64(len(in.Data)) != elements*size {
		t.Fatalf("got %d bytes for %d elements of %s", len(in.Data), elements, in.Type)
	}
	if n, err := tensor.BytesCount(in.Data); in.Type == tensor.Bytes && (err != nil || int64(n) != elements) {
		t.Fatalf("got %d strings (%v) for %d elements", n, err, elements)
	}
	for _, b := range in.Data {
		if in.Type == tensor.Bool && b > 1 {
			t.Fatalf("got byte %d as a BOOL", b)
		}
	}
}

// fits reports whether dims match a shape with free (-1) dimensions.
func fits(shape, dims []int64) bool {
	if len(shape) != len(dims) {
		return false
	}
	for i, want := range shape {
		if want >= 0 && dims[i] != want {
			return false
		}
	}
	return true
}

// Snapshot copies the inputs, to compare them later.
func Snapshot(tk *task.Task) (all [][]byte) {
	for i := range tk.Inputs {
		all = append(all, bytes.Clone(tk.Inputs[i].Data))
	}
	return all
}

// SameElements compares data of a type: NaNs are alike, since text has only one.
func SameElements(kind tensor.DataType, a, b []byte) bool {
	if len(a) != len(b) || kind != tensor.FP32 && kind != tensor.FP64 {
		return bytes.Equal(a, b)
	}
	size := kind.Size()
	for i := 0; i < len(a); i += size {
		x, y := tensor.FloatAt(kind, a, i/size), tensor.FloatAt(kind, b, i/size)
		if !bytes.Equal(a[i:i+size], b[i:i+size]) && !(math.IsNaN(x) && math.IsNaN(y)) {
			return false
		}
	}
	return true
}
