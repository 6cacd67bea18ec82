package oip

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"testing"

	"sluice/internal/fault"
	"sluice/internal/jsonscan"
	"sluice/internal/oip/v1"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// leafOf is the value n in JSON, and leafBytes the same in memory.
func leafOf(kind tensor.DataType, n int) string {
	switch kind {
	case tensor.Bool:
		return []string{"false", "true"}[n%2]
	case tensor.Bytes:
		return fmt.Sprintf("%q", fmt.Sprint(n))
	case tensor.FP32, tensor.FP64:
		return fmt.Sprintf("%d.5", n)
	}
	return fmt.Sprint(n)
}

func leafBytes(dst []byte, kind tensor.DataType, n int) []byte {
	switch kind {
	case tensor.Bool:
		return append(dst, byte(n%2))
	case tensor.Bytes:
		return tensor.AppendBytes(dst, fmt.Sprint(n))
	case tensor.FP32, tensor.FP64:
		return tensor.AppendFloat(dst, kind, float64(n)+0.5)
	}
	b := make([]byte, kind.Size())
	jsonscan.PutUint(b, uint64(n), len(b))
	return append(dst, b...)
}

// Lists that are nested as deep as the shape has dimensions must have its lengths; any other
// nesting must have the right number of values alone. It is the same for every datatype.
func TestNesting(t *testing.T) {
	decode := func(kind tensor.DataType, shape, data string, dataFirst bool) ([]byte, error) {
		s := identity(kind, 8)
		s.Inputs[0].Shape = make([]int64, strings.Count(shape, ",")+1)
		for i := range s.Inputs[0].Shape {
			s.Inputs[0].Shape[i] = -1
		}
		fields := fmt.Sprintf(`"datatype":"%s","shape":%s,"data":%s`, kind, shape, data)
		if dataFirst {
			fields = fmt.Sprintf(`"data":%s,"shape":%s,"datatype":"%s"`, data, shape, kind)
		}
		var r Request
		tk := task.Get()
		defer tk.Release()
		if err := r.Decode(s, "m", []byte(withInputs(entry("INPUT0", fields))), -1, nil, tk); err != nil {
			return nil, err
		}
		return bytes.Clone(tk.Inputs[0].Data), nil
	}
	// In data each # is the next value. want is "" for data that is good.
	f := func(shape, data, want string) {
		t.Helper()
		for _, kind := range tensor.DataTypes {
			if kind == tensor.FP16 || kind == tensor.BF16 {
				continue
			}
			text, values := data, []byte{}
			for n := 1; strings.Contains(text, "#"); n++ {
				text = strings.Replace(text, "#", leafOf(kind, n), 1)
				values = leafBytes(values, kind, n)
			}
			for _, dataFirst := range []bool{false, true} {
				got, err := decode(kind, shape, text, dataFirst)
				switch {
				case want == "" && (err != nil || !bytes.Equal(got, values)):
					t.Errorf("%s %s of %s: got %x, %v, want %x", kind, text, shape, got, err, values)
				case want != "" && (!fault.Is(err, fault.DataLengthMismatch) || !strings.Contains(err.Error(), want)):
					t.Errorf("%s %s of %s: got %v, want %s", kind, text, shape, err, want)
				}
			}
		}
	}
	f("[2,3]", "[[#,#],[#,#],[#,#]]", "inputs[0].data[0] has 2 values; shape [2,3] of input 'INPUT0' wants 3 there")
	f("[2,3]", "[[#,#,#],[#,#],[#]]", "inputs[0].data[1] has 2 values; shape [2,3] of input 'INPUT0' wants 3 there")
	f("[2,3]", "[ [#,#,#] , [#,#,#] ]", "")
	f("[2,3]", "[#,#,#,#,#,#]", "")
	f("[2,3]", "[[[#,#],[#,#],[#,#]]]", "")
	f("[2,3]", "[[[#],#],[#],[#,#,#]]", "")
	f("[6]", "[#,#,#,#,#,#]", "")
	f("[6]", "[[#,#,#],[#,#,#]]", "")
	f("[2,1,3]", "[[[#,#,#]],[[#,#,#]]]", "")
	f("[2,1,3]", "[[#,#,#],[#,#,#]]", "")
	f("[2,1,3]", "[[[#],[#],[#]],[[#],[#],[#]]]", "inputs[0].data[0][0] has 1 value; shape [2,1,3] of input 'INPUT0' wants 3 there")
	f("[2,1,3]", "[[[#,#,#],[#,#,#]]]", "inputs[0].data[0] has 2 entries; shape [2,1,3] of input 'INPUT0' wants 1 there")
	f("[1,2,3]", "[[[#,#,#]],[[#,#,#]]]", "inputs[0].data[0] has 1 entry; shape [1,2,3] of input 'INPUT0' wants 2 there")
	// A value beside lists is a member of the list that they are in: it stands for a list of one.
	f("[2,1]", "[[#],#]", "")
	f("[2,1]", "[#,[#]]", "")
	f("[2,3]", "[[#,#,#],#,#,#]", "inputs[0].data has 4 entries; shape [2,3] of input 'INPUT0' wants 2 there")
	f("[2,2]", "[#,[#,#],#]", "inputs[0].data has 3 entries; shape [2,2] of input 'INPUT0' wants 2 there")
	// An empty list is a list.
	f("[2,2]", "[[],[#,#,#,#]]", "inputs[0].data[0] has 0 values; shape [2,2] of input 'INPUT0' wants 2 there")
	f("[2,2]", "[#,#,#,#,[]]", "inputs[0].data[4] has 0 values")
	f("[2,2]", "[#,#,#,#,[[]]]", "")
	f("[2,0]", "[[],[]]", "")
	f("[2,0]", "[]", "")
	f("[2,0]", "[[[]]]", "")
	f("[2,0]", "[[],[],[]]", "inputs[0].data has 3 entries; shape [2,0] of input 'INPUT0' wants 2 there")
	f("[1,0,2]", "[[]]", "")
	f("[1,0,2]", "[[[]]]", "inputs[0].data[0][0] has 0 values; shape [1,0,2] of input 'INPUT0' wants 2 there")
}

// A fault over the number of values says both numbers, and which list is odd if that is known.
func TestValueCounts(t *testing.T) {
	f := func(shape, data, want string) {
		t.Helper()
		s := identity(tensor.FP32, 8)
		s.Inputs[0].Shape = []int64{-1, -1}
		decodeFault(t, s, withInputs(entry("INPUT0", `"datatype":"FP32","shape":`+shape+`,"data":`+data)), -1, fault.DataLengthMismatch, want)
	}
	const few, many = "Failed to parse 'data' field: shape does not match true shape: ", "Unable to parse 'data': Shape does not match true shape of 'data' field: "
	f("[2,3]", "[1,2,3,4,5]", few+"input 'INPUT0' takes 6 values, got 5; its shape is [2,3]")
	f("[2,3]", "[1,2,3,4,5,6,7]", many+"input 'INPUT0' takes 6 values, got 7; its shape is [2,3]")
	f("[1,1]", "["+strings.Repeat("0.25,", 999)+"1]", many+"input 'INPUT0' takes 1 values, got 1000; its shape is [1,1]")
	f("[2,3]", "[[1,2,3],[4,5]]", few+"input 'INPUT0' takes 6 values, got 5; its shape is [2,3], and inputs[0].data[1] has 2 values where it has 3")
	f("[2,2]", "[[1,2],[3,4],[5,6]]", many+"input 'INPUT0' takes 4 values, got 6; its shape is [2,2], and inputs[0].data has 3 entries where it has 2")
	f("[2,100000]", "[[1,2],[3,4]]", few+"input 'INPUT0' takes 200000 values, got 4; its shape is [2,100000], and inputs[0].data[0] has 2 values where it has 100000")
	f("[1,0]", "[1,2]", many+"input 'INPUT0' takes 0 values, got 2; its shape is [1,0]")
	f("[1,0]", `["a",{}]`, many+"input 'INPUT0' takes 0 values, got 2; its shape is [1,0]")
	f("[1,1]", `[1,"a",{"b":[1]},null]`, many+"input 'INPUT0' takes 1 values, got 4; its shape is [1,1]")
	decodeFault(t, identity(tensor.FP32, 8), withInputs(entry("INPUT0", `"datatype":"FP32","shape":[1,1],"data":[1,2,x]`)), -1, fault.InvalidJSON, "unexpected")
}

// null is a missing value, which floats have: it is NaN there, and a fault with its place elsewhere.
func TestNull(t *testing.T) {
	missing := func(kind tensor.DataType, data []byte, i int) bool { return math.IsNaN(tensor.FloatAt(kind, data, i)) }
	for _, kind := range []tensor.DataType{tensor.FP32, tensor.FP64} {
		var r Request
		tk := task.Get()
		body := fmt.Sprintf(`{"inputs":[{"name":"INPUT0","datatype":"%s","shape":[2,3],"data":[[1,null,0.5],[null , 2,null]]}]}`, kind)
		if err := r.Decode(identity(kind, 8), "m", []byte(body), -1, nil, tk); err != nil {
			t.Fatal(err)
		}
		for i, want := range []bool{false, true, false, true, false, true} {
			if got := missing(kind, tk.Inputs[0].Data, i); got != want {
				t.Errorf("%s: value %d is NaN: %v, want %v", kind, i, got, want)
			}
		}
		tk.Release()
		for _, body := range []string{`{"instances":[[1,null],[null,2]]}`, `{"inputs":{"INPUT0":[[1,null],[null,2]]}}`, `{"instances":[{"INPUT0":[1,null]},{"INPUT0":[null,2]}]}`} {
			var v1 v1.Request
			tk := task.Get()
			if err := v1.Decode(identity(kind, 8), "m", []byte(body), nil, tk); err != nil {
				t.Fatal(err)
			}
			for i, want := range []bool{false, true, true, false} {
				if got := missing(kind, tk.Inputs[0].Data, i); got != want {
					t.Errorf("%s: %s: value %d is NaN: %v, want %v", kind, body, i, got, want)
				}
			}
			tk.Release()
		}
	}
	// The usual NaN, whose payload no device knows apart.
	var r Request
	tk := task.Get()
	defer tk.Release()
	if err := r.Decode(identity(tensor.FP32, 8), "m", []byte(`{"inputs":[{"name":"INPUT0","datatype":"FP32","shape":[1,1],"data":[null]}]}`), -1, nil, tk); err != nil || binary.LittleEndian.Uint32(tk.Inputs[0].Data) != 0x7fc00000 {
		t.Errorf("got %x, %v", tk.Inputs[0].Data, err)
	}
}

// The fault of a value says where it is.
func TestValuePlaces(t *testing.T) {
	s := identity(tensor.Int32, 8)
	s.Inputs = []tensor.Spec{{Name: "x", Type: tensor.Int32, Shape: []int64{-1, -1}}, {Name: "s", Type: tensor.Bytes, Shape: []int64{-1, -1}}}
	f := func(x, texts, want string) {
		t.Helper()
		decodeFault(t, s, withInputs(entry("s", `"datatype":"BYTES","shape":[2,2],"data":`+texts), entry("x", `"datatype":"INT32","shape":[2,2],"data":`+x)), -1, fault.InvalidValue, want)
	}
	const good = `["a","b","c","d"]`
	f(`[[1,2],[3,null]]`, good, "value null of input 'x' is not of its datatype INT32, at inputs[1].data[1][1]")
	f(`[1,2,null,4]`, good, "value null of input 'x' is not of its datatype INT32, at inputs[1].data[2]")
	f(`[[[1,2],[3,null]]]`, good, "value null of input 'x' is not of its datatype INT32, at value 3 of inputs[1].data")
	f(`[1,2,3,4]`, `[["a","b"],[null,"c"]]`, "value null of input 's' is not of its datatype BYTES, at inputs[0].data[1][0]")

	v1 := func(body, want string) {
		t.Helper()
		var r v1.Request
		tk := task.Get()
		defer tk.Release()
		if err := r.Decode(s, "m", []byte(body), nil, tk); !fault.Is(err, fault.InvalidValue) || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", body, err, want)
		}
	}
	v1(`{"instances":[{"x":[1,2],"s":["a","b"]},{"x":[1,null]}]}`, "value null of input 'x' is not of its datatype INT32, at instances[1].x[1]")
	v1(`{"inputs":{"x":[[1,2],[null,4]]}}`, "value null of input 'x' is not of its datatype INT32, at inputs.x[1][0]")
	v1(`{"inputs":{"s":["a",null]}}`, "value null of input 's' is not of its datatype BYTES, at inputs.s[1]")
	s = identity(tensor.Int32, 8)
	v1(`{"instances":[[1,2],[3,null]]}`, "at instances[1][1]")
	v1(`{"inputs":[[1,2],[3,null]]}`, "at inputs[1][1]")
	v1(`{"inputs":null}`, "at inputs")
}
