package oip

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"sluice/internal/fault"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

func TestShapeKey(t *testing.T) {
	s := &tensor.Schema{
		Inputs: []tensor.Spec{
			{Name: "tokens", Type: tensor.Uint8, Shape: []int64{-1, -1}},
			{Name: "mask", Type: tensor.Uint8, Shape: []int64{-1, -1}},
			{Name: "image", Type: tensor.Uint8, Shape: []int64{-1, -1, 2}},
		},
		MaxBatch: 8, MaxRows: 8,
		Padding: &tensor.Padding{InputAxis: []int{1, 1, -1}, Buckets: []int{4, 8}},
	}
	key := func(rows, length, height int) (uint64, error) {
		in := func(name string, dims ...int) string {
			n := 1
			for _, d := range dims {
				n *= d
			}
			shape := strings.ReplaceAll(fmt.Sprint(dims), " ", ",")
			return fmt.Sprintf(`{"name":"%s","datatype":"UINT8","shape":%s,"data":[%s]}`, name, shape, strings.TrimSuffix(strings.Repeat("1,", n), ","))
		}
		body := withInputs(in("image", rows, height, 2), in("tokens", rows, length), in("mask", rows, length))
		var r Request
		tk := task.Get()
		defer tk.Release()
		err := r.Decode(s, "m", []byte(body), -1, nil, tk)
		if err == nil && (tk.Rows != rows || tk.Inputs[0].Shape[1] != int64(length)) {
			err = fmt.Errorf("got %d rows of shape %v", tk.Rows, tk.Inputs[0].Shape)
		}
		return tk.ShapeKey, err
	}
	f := func(same bool, a, b [3]int) {
		t.Helper()
		x, err := key(a[0], a[1], a[2])
		y, err2 := key(b[0], b[1], b[2])
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		if (x == y) != same {
			t.Errorf("rows, length, height %v and %v: keys %x and %x, want the same: %v", a, b, x, y, same)
		}
	}
	f(true, [3]int{1, 3, 5}, [3]int{1, 3, 5})
	f(true, [3]int{1, 3, 5}, [3]int{2, 3, 5})
	f(true, [3]int{1, 1, 5}, [3]int{1, 4, 5})
	f(false, [3]int{1, 4, 5}, [3]int{1, 5, 5})
	f(false, [3]int{1, 4, 5}, [3]int{1, 4, 6})
	f(false, [3]int{1, 9, 5}, [3]int{1, 10, 5})

	// Two inputs on the padded axis must agree: the model could not tell afterwards.
	decodeFault(t, s, withInputs(`{"name":"tokens","datatype":"UINT8","shape":[1,2],"data":[1,2]}`, `{"name":"mask","datatype":"UINT8","shape":[1,1],"data":[1]}`, `{"name":"image","datatype":"UINT8","shape":[1,1,2],"data":[1,2]}`),
		-1, fault.WrongShape, "input 'mask' has length 1 on axis 1, but input 'tokens' has 2: they must agree")
}

func TestShapeKeyWithoutFreeDimensions(t *testing.T) {
	var r Request
	tk := task.Get()
	defer tk.Release()
	if err := r.Decode(mlp(), "m", floatsBody(shortest), -1, nil, tk); err != nil || tk.ShapeKey != 0 || tk.Wanted != 1 {
		t.Errorf("got key %x, wanted %b and error %v, want key 0 and output 0 wanted", tk.ShapeKey, tk.Wanted, err)
	}
}

func TestScalar(t *testing.T) {
	s := &tensor.Schema{Inputs: []tensor.Spec{{Name: "x", Type: tensor.FP32, Shape: []int64{}}}}
	s.Outputs = s.Inputs
	var r Request
	tk := task.Get()
	defer tk.Release()
	if err := r.Decode(s, "m", []byte(`{"inputs":[{"name":"x","datatype":"FP32","shape":[],"data":[2.5]}]}`), -1, nil, tk); err != nil {
		t.Fatal(err)
	}
	runIdentity(s, tk)
	out, _, err := r.AppendResponse(nil, s, "m", "1", tk)
	if want := `{"model_name":"m","model_version":"1","outputs":[{"name":"x","datatype":"FP32","shape":[],"data":[2.5]}]}`; err != nil || string(out) != want || tk.Rows != 1 {
		t.Errorf("got %s (%v) for %d rows, want %s", out, err, tk.Rows, want)
	}
}

func TestParameters(t *testing.T) {
	f := func(parameters string, budget time.Duration, priority uint64) {
		t.Helper()
		body := `{"parameters":` + parameters + `,"inputs":[{"name":"INPUT0","datatype":"FP32","shape":[1,1],"data":[1]}]}`
		r := Request{ID: []byte("old"), Budget: 5, Priority: 5}
		r.Reset()
		tk := task.Get()
		defer tk.Release()
		if err := r.Decode(identity(tensor.FP32, 8), "m", []byte(body), -1, nil, tk); err != nil {
			t.Errorf("%s: %v", parameters, err)
		}
		if r.Budget != budget || r.Priority != priority || len(r.ID) != 0 {
			t.Errorf("%s: got budget %v, priority %d and id %q, want %v, %d and none", parameters, r.Budget, r.Priority, r.ID, budget, priority)
		}
	}
	f(`null`, 0, 0)
	f(`{}`, 0, 0)
	f(`{"timeout":1500}`, 1500*time.Microsecond, 0)
	f(`{"timeout": 18446744073709551615 , "priority" : 2}`, math.MaxInt64/1000*1000, 2)
	f(`{"sequence_id":0,"sequence_start":false,"sequence_end":false,"priority":0}`, 0, 0)
	f(`{"sequence_id":"a","headers":{"x":["y"]},"content_type":"np","a":1.5,"b":null}`, 0, 0)
}

func TestParseHeaderLength(t *testing.T) {
	f := func(value []byte, bodyLen, want int, text string) {
		t.Helper()
		got, err := ParseHeaderLength(value, bodyLen)
		if text != "" {
			if !fault.Is(err, fault.BadBinaryHeader) || !strings.Contains(err.Error(), text) {
				t.Errorf("%q: got %d and %v, want a fault with %q", value, got, err, text)
			}
		} else if err != nil || got != want {
			t.Errorf("%q: got %d and %v, want %d", value, got, err, want)
		}
	}
	f(nil, 10, -1, "")
	f([]byte("0"), 10, 0, "")
	f([]byte("7"), 10, 7, "")
	f([]byte("10"), 10, 10, "")
	f([]byte("11"), 10, 0, "inference header size should be in range (0, 10), got: 11")
	f([]byte("-1"), 10, 0, "inference header size should be in range (0, 10), got: -1")
	f([]byte("99999999999"), 10, 0, "inference header size should be in range (0, 10), got: 99999999999")
	f([]byte("abc"), 10, 0, "Unable to parse Inference-Header-Content-Length, got: abc")
	f([]byte(""), 10, 0, "Unable to parse Inference-Header-Content-Length")
	f([]byte("+1"), 10, 0, "Unable to parse Inference-Header-Content-Length")
	f([]byte("1 "), 10, 0, "Unable to parse Inference-Header-Content-Length")
	f([]byte("999999999999999999999999999999"), 10, 0, "Unable to parse Inference-Header-Content-Length")
}

func TestResponseFaults(t *testing.T) {
	f := func(kind tensor.DataType, asBinary bool, classes int, data string, want fault.Kind, text string) {
		t.Helper()
		s := identity(kind, 0)
		tk := task.Get()
		defer tk.Release()
		tk.Reserve(1)
		if data != "none" {
			shape := []int64{1}
			if size := kind.Size(); size > 0 {
				shape[0] = int64(len(data) / size)
			}
			tk.SetWhole(0, &s.Outputs[0], shape, []byte(data))
		}
		r := Request{Outputs: []OutputChoice{{Wanted: true, Binary: asBinary, Classification: classes}}}
		out, n, err := r.AppendResponse([]byte("kept"), s, "m", "1", tk)
		if !fault.Is(err, want) || !strings.Contains(err.Error(), text) || string(out) != "kept" || n != 0 {
			t.Errorf("got %q, %d and %v, want a fault %s: %s", out, n, err, want.Code(), text)
		}
	}
	f(tensor.FP32, false, 0, "none", fault.Internal, "gave no output 'OUTPUT0'")
	f(tensor.FP16, false, 0, "\x00\x00", fault.WrongDatatype, "sending FP16 data via JSON is not supported")
	f(tensor.Bytes, false, 0, "\x02\x00\x00\x00\xc3\x28", fault.InvalidUTF8, "ask for it as binary data")
	f(tensor.Bytes, false, 0, "\x02\x00\x00\x00a", fault.Internal, "malformed strings")
	f(tensor.Uint8, true, 5, strings.Repeat("x", maxClassified+1), fault.InvalidParameter, "more than the limit of 1000000")
}

func TestControlRequests(t *testing.T) {
	f := func(body string, want bool, kind fault.Kind) {
		t.Helper()
		got, err := ParseIndexRequest([]byte(body))
		if kind != fault.None && !fault.Is(err, kind) || kind == fault.None && (err != nil || got != want) {
			t.Errorf("index %q: got %v and %v, want %v and %s", body, got, err, want, kind.Code())
		}
	}
	f("", false, fault.None)
	f(" {} ", false, fault.None)
	f(`{"ready":true,"x":[{}]}`, true, fault.None)
	f(`{"ready": false}`, false, fault.None)
	f(`{"ready":[1]}`, false, fault.InvalidParameter)
	f(`{"ready":tru}`, false, fault.InvalidJSON)
	f(`{"ready":true,"ready":true}`, false, fault.DuplicateField)
	f(`[]`, false, fault.InvalidRequest)
	f(`{} x`, false, fault.InvalidJSON)

	g := func(body string, kind fault.Kind) {
		t.Helper()
		if err := ParseLoadRequest([]byte(body)); kind != fault.None && !fault.Is(err, kind) || kind == fault.None && err != nil {
			t.Errorf("load %q: got %v, want %s", body, err, kind.Code())
		}
	}
	g("", fault.None)
	g(`{"parameters":{"unload_dependents":true}}`, fault.None)
	g(`{"parameters":{"config":"{}"}}`, fault.Unsupported)
	g(`{"parameters":{"file:1/model.onnx":"AA=="}}`, fault.Unsupported)
	g(`{"parameters":{"a":1,"a":1}}`, fault.DuplicateField)
}
