package oip

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"sluice/internal/fault"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

func numbers(n int) string { return "[" + strings.Repeat("1,", n-1) + "1]" }

// sequences is a request of so many rows of a length, in JSON; early puts the shape before the data.
func sequences(rows, length int, early bool) []byte {
	var all []string
	for _, name := range []string{"tokens", "mask"} {
		data, shape := `"data":`+numbers(rows*length), fmt.Sprintf(`"shape":[%d,%d]`, rows, length)
		if early {
			data, shape = shape, data
		}
		all = append(all, fmt.Sprintf(`{"name":"%s","datatype":"INT64",%s,%s}`, name, data, shape))
	}
	return []byte(`{"inputs":[` + strings.Join(all, ",") + `]}`)
}

// TestLengths holds that a row that is too long is refused, however it comes, before memory is taken
// for it where its shape comes first.
func TestLengths(t *testing.T) {
	decode := func(s *tensor.Schema, body []byte, headerLen int) (*task.Task, error) {
		var r Request
		tk := task.Get()
		return tk, r.Decode(s, "m", body, headerLen, nil, tk)
	}
	f := func(name string, s *tensor.Schema, body []byte, headerLen, mostRows int, want string) {
		t.Helper()
		tk, err := decode(s, body, headerLen)
		switch {
		case want == "" && (err != nil || tk.MostRows != mostRows):
			t.Errorf("%s: %v, %d rows; want %d", name, err, tk.MostRows, mostRows)
		case want != "" && (!fault.Is(err, fault.ShapeTooLarge) || fault.Of(err).Text != want):
			t.Errorf("%s: %v; want %s", name, err, want)
		case want == tooLong && !s.Reshaped && tk.Arena.Used() > 0:
			t.Errorf("%s: %d bytes were taken for a tensor that is refused", name, tk.Arena.Used())
		}
		tk.Release()
	}
	for _, early := range []bool{true, false} {
		f("short", bounded(), sequences(3, 1, early), -1, 0, "")
		f("longest", bounded(), sequences(3, 4, early), -1, 1, "")
		f("between", bounded(), sequences(3, 2, early), -1, 4, "")
		f("too long", bounded(), sequences(1, 5, early), -1, 0, tooLong)
		f("many too long", bounded(), sequences(100, 5, early), -1, 0, tooLong)
	}
	header := []byte(`{"inputs":[{"name":"tokens","datatype":"INT64","shape":[1,5],"parameters":{"binary_data_size":40}},{"name":"mask","datatype":"INT64","shape":[1,5],"parameters":{"binary_data_size":40}}]}`)
	f("binary", bounded(), append(bytes.Clone(header), make([]byte, 80)...), len(header), 0, tooLong)
	alone := bounded()
	alone.Inputs, alone.Lengths.In, alone.Lengths.Axes[0].At = alone.Inputs[:1], alone.Lengths.In[:1], alone.Lengths.Axes[0].At[:1]
	f("raw", alone, binary.LittleEndian.AppendUint64(make([]byte, 32), 1), 0, 0, tooLong)
	f("raw of a length that fits", alone, make([]byte, 32), 0, 1, "")
	wired := bounded()
	wired.Reshaped = true
	wired.Inputs[0].Wire = &tensor.Wire{Shape: []int64{-1, -1, 1}, Own: []int64{-1, -1}}
	body := bytes.Replace(sequences(1, 5, true), []byte("[1,5]"), []byte("[1,5,1]"), 1)
	body = bytes.Replace(body, []byte(`[1,5],`), []byte("[1,4],"), 1)
	body = bytes.Replace(body, []byte(`[1,4],"data":[1,1,1,1,1]`), []byte(`[1,4],"data":[1,1,1,1]`), 1)
	f("reshaped", wired, body, -1, 0, tooLong)
}

// TestProduct holds the bound on several free axes together, and that on the rows of a request that
// runs whole.
func TestProduct(t *testing.T) {
	picture := func(rows bool, maxBatch int) *tensor.Schema {
		at := func(dim int) []tensor.Place { return []tensor.Place{{Dim: dim}} }
		return &tensor.Schema{
			Inputs:   []tensor.Spec{{Name: "image", Type: tensor.Uint8, Shape: []int64{-1, -1, -1}}},
			Outputs:  []tensor.Spec{{Name: "y", Type: tensor.Uint8, Shape: []int64{-1}}},
			MaxBatch: maxBatch, MaxRows: maxBatch,
			Lengths: &tensor.Lengths{
				Axes: []tensor.Axis{{Name: "height", Most: 16, At: at(1)}, {Name: "width", Most: 16, At: at(2)}},
				In:   [][]tensor.Place{{{Axis: 0, Dim: 1}, {Axis: 1, Dim: 2}}}, Product: 32, Rows: rows,
				Joint: tensor.Growth{Linear: 1}, Most: 64,
			},
		}
	}
	f := func(s *tensor.Schema, rows, height, width int, want string) {
		t.Helper()
		body := fmt.Sprintf(`{"inputs":[{"name":"image","datatype":"UINT8","shape":[%d,%d,%d],"data":%s}]}`, rows, height, width, numbers(rows*height*width))
		var r Request
		tk := task.Get()
		defer tk.Release()
		err := r.Decode(s, "m", []byte(body), -1, nil, tk)
		if want == "" && err != nil || want != "" && (!fault.Is(err, fault.ShapeTooLarge) || fault.Of(err).Text != want) {
			t.Errorf("%d rows of %d by %d: %v; want %q", rows, height, width, err, want)
		}
	}
	f(picture(false, 8), 4, 2, 16, "")
	f(picture(false, 8), 1, 17, 1, "input 'image' has length 17 on axis 1, more than the limit of 16 for model 'm' (max_length: {height: 16} in its model.yaml)")
	f(picture(false, 8), 1, 3, 11, "the free axes of input 'image' and the other inputs have lengths whose product is 33, more than the limit of 32 for model 'm' (max_length in its model.yaml)")
	f(picture(true, 0), 2, 4, 8, "")
	f(picture(true, 0), 3, 4, 8, "input 'image' has 3 on axis 0; a request to model 'm' runs whole, and with these lengths 2 is the limit (max_length in its model.yaml): send several requests")
}

// TestText holds that strings that come to too much are refused, however they come, and that rows of
// which fewer share a run have a key of their own.
func TestText(t *testing.T) {
	s := &tensor.Schema{
		Inputs:   []tensor.Spec{{Name: "x", Type: tensor.Bytes, Shape: []int64{-1, 1}}},
		Outputs:  []tensor.Spec{{Name: "y", Type: tensor.Bytes, Shape: []int64{-1, 1}}},
		MaxBatch: 8, MaxRows: 100, MaxText: 1000,
	}
	f := func(rows, size int, mostRows int, want string) (key uint64) {
		t.Helper()
		list := strings.TrimSuffix(strings.Repeat(`"`+strings.Repeat("a", size)+`",`, rows), ",")
		body := fmt.Appendf(nil, `{"inputs":[{"name":"x","datatype":"BYTES","shape":[%d,1],"data":[%s]}]}`, rows, list)
		var r Request
		tk := task.Get()
		defer tk.Release()
		err := r.Decode(s, "m", body, -1, nil, tk)
		switch {
		case want == "" && (err != nil || tk.MostRows != mostRows):
			t.Errorf("%d strings of %d bytes: %v, %d rows; want %d", rows, size, err, tk.MostRows, mostRows)
		case want != "" && (!fault.Is(err, fault.ShapeTooLarge) || fault.Of(err).Text != want):
			t.Errorf("%d strings of %d bytes: %v; want %s", rows, size, err, want)
		}
		return tk.ShapeKey
	}
	short, again := f(1, 10, 0, ""), f(20, 10, 0, "")
	long, longer := f(1, 300, 2, ""), f(1, 988, 1, "")
	if short != again || short == long || long == longer {
		t.Errorf("the keys are %x, %x, %x and %x", short, again, long, longer)
	}
	f(1, 989, 0, "the strings for model 'm' come to 1001 bytes, 12 for each of them beside its text, more than the limit of 1000 (a 128th of limits.memory): send fewer or shorter ones in a request")
	f(84, 0, 0, "the strings for model 'm' come to 1008 bytes, 12 for each of them beside its text, more than the limit of 1000 (a 128th of limits.memory): send fewer or shorter ones in a request")
}
