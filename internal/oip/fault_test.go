package oip

import (
	"fmt"
	"strings"
	"testing"

	"sluice/internal/fault"
	"sluice/internal/oip/target"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// decodeFault decodes a request that must be refused.
func decodeFault(t *testing.T, s *tensor.Schema, body string, headerLen int, want fault.Kind, text string) {
	t.Helper()
	var r Request
	tk := task.Get()
	defer tk.Release()
	err := r.Decode(s, "simple", []byte(body), headerLen, nil, tk)
	shown := body
	if len(shown) > 300 {
		shown = shown[:300] + "..."
	}
	if !fault.Is(err, want) {
		t.Errorf("%s\ngot %v (%s), want %s", shown, err, code(err), want.Code())
	} else if !strings.Contains(err.Error(), text) {
		t.Errorf("%s\ngot  %s\nwant %s", shown, err, text)
	}
}

// entry is one entry of "inputs" of the simple model.
func entry(name, fields string) string { return `{"name":"` + name + `",` + fields + `}` }

const (
	row16 = `"datatype":"INT32","shape":[1,16],"data":[` + sixteen + `]`
	other = `{"name":"INPUT1",` + row16 + `}`
)

// withInputs is a request of these entries.
func withInputs(entries ...string) string { return `{"inputs":[` + strings.Join(entries, ",") + `]}` }

func TestDocumentFaults(t *testing.T) {
	good := withInputs(entry("INPUT0", row16), other)
	f := func(body string, want fault.Kind, text string) {
		t.Helper()
		decodeFault(t, simple(), body, -1, want, text)
	}
	f(good[:len(good)-1], fault.InvalidJSON, "failed to parse the request JSON buffer")
	f(good+"x", fault.InvalidJSON, "more data after the end")
	f(good+good, fault.InvalidJSON, "more data after the end")
	f("\xef\xbb\xbf"+good, fault.InvalidJSON, "unexpected")
	f(" ", fault.InvalidJSON, "ends early")
	f("\x00", fault.InvalidJSON, "unexpected")
	f(`{"inputs":[`+entry("INPUT0", row16)+`,]}`, fault.InvalidJSON, "unexpected")
	f(`{"inputs":[`+entry("INPUT0", row16)+` `+other+`]}`, fault.InvalidJSON, "unexpected")
	f(`{'inputs':[]}`, fault.InvalidJSON, "unexpected")
	f(`{"inputs" []}`, fault.InvalidJSON, "unexpected")
	f(`{"a":1,}`, fault.InvalidJSON, "unexpected")
	f(`{"a":01}`, fault.InvalidJSON, "unexpected")
	f(`{"a":1.}`, fault.InvalidJSON, "unexpected")
	f(`{"a":0x1}`, fault.InvalidJSON, "unexpected")
	f(`{"a":nul}`, fault.InvalidJSON, "unexpected")
	f(`{"a":"\x"}`, fault.InvalidJSON, "invalid escape")
	f(`{"a":"\u12g4"}`, fault.InvalidJSON, "invalid escape")
	f("{\"a\":\"\n\"}", fault.InvalidJSON, "control character")
	f(`{"a":{"b":[1,{"c":"x}]}}`, fault.InvalidJSON, "ends early")
	f(`{"a":[1}`, fault.InvalidJSON, "unexpected")
	f("{\"a\":\"\xff\"}", fault.InvalidUTF8, "not valid UTF-8")
	f(`{"\ud800":1}`, fault.InvalidUTF8, "surrogate")
	f(`{"id":"\udc00\ud800"}`, fault.InvalidUTF8, "surrogate")
	f(`{"id":"\ud83dx"}`, fault.InvalidUTF8, "surrogate")
	f(`[1]`, fault.InvalidRequest, "must be a JSON object")
	f(`null`, fault.InvalidRequest, "must be a JSON object")
	f(`[1`, fault.InvalidJSON, "ends early")
	f(strings.Repeat("[", 100_000), fault.JSONTooDeep, "JSON nesting depth exceeds maximum allowed limit (100)")
	f(`{"x":`+strings.Repeat(`{"a":`, 120), fault.JSONTooDeep, "(100)")
	f(withInputs(entry("INPUT0", `"datatype":"INT32","shape":[1,16],"data":`+strings.Repeat("[", 120)), other), fault.JSONTooDeep, "(100)")
	f(withInputs(entry("INPUT0", `"data":`+strings.Repeat("[", 120)), other), fault.JSONTooDeep, "(100)")

	f(`{"inputs":[],"inputs":[]}`, fault.InvalidInputs, "empty")
	f(good[:len(good)-1]+`,"inputs":[]}`, fault.DuplicateField, "key 'inputs' is there twice")
	f(good[:len(good)-1]+`,"\u0069nputs":[]}`, fault.DuplicateField, "key 'inputs' is there twice")
	f(good[:len(good)-1]+`,"x":1,"y":2,"\u0078":3}`, fault.DuplicateField, "key 'x' is there twice")
	f(good[:len(good)-1]+`,"x":[{"a":[{}],"b":2,"a":3}]}`, fault.DuplicateField, "key 'a' is there twice")
	f(`{"parameters":{"timeout":1,"timeout":1}}`, fault.DuplicateField, "timeout")
	f(withInputs(entry("INPUT0", row16+`,"shape":[1,16]`)), fault.DuplicateField, "shape")
	f(`{"outputs":[{"name":"OUTPUT0","name":"OUTPUT0"}]}`, fault.DuplicateField, "name")

	f(`{"id":5}`, fault.InvalidParameter, "'id' must be a string")
	f(`{"id":"`+strings.Repeat("x", 129)+`"}`, fault.InvalidParameter, "limit of 128")
	f(`{"id":"a\u0000b"}`, fault.InvalidParameter, "control character")
	f(`{"parameters":[]}`, fault.InvalidParameter, "must be an object")
	f(`{"parameters":{"triton_x":1}}`, fault.InvalidParameter, "parameter keys starting with 'triton_' are reserved for Triton usage and should not be specified.")
	f(`{"parameters":{"timeout":"5"}}`, fault.InvalidParameter, `'timeout' must be an unsigned integer of at most 64 bits; that is "5"`)
	f(`{"parameters":{"timeout":-5}}`, fault.InvalidParameter, "'timeout' must be an unsigned integer")
	f(`{"parameters":{"priority":1.5}}`, fault.InvalidParameter, "'priority'")
	f(`{"parameters":{"binary_data_output":1}}`, fault.InvalidParameter, "'binary_data_output'")
	f(`{"parameters":{"sequence_start":1}}`, fault.InvalidParameter, "'sequence_start'")
	f(`{"parameters":{"sequence_id":1.5}}`, fault.InvalidParameter, "'sequence_id'")
	f(`{"INPUTS":[]}`, fault.InvalidInputs, "no 'inputs'")
	f(`{}`, fault.InvalidInputs, "no 'inputs'")
	f(`{"inputs":5}`, fault.InvalidInputs, "must be an array")
	f(`{"inputs":null}`, fault.InvalidInputs, "must be an array")
	f(`{"inputs":[5]}`, fault.InvalidInputs, "entry 0")
	f(`{"outputs":{}}`, fault.InvalidRequest, "'outputs' must be an array")
	f(`{"outputs":[5]}`, fault.InvalidRequest, "entry 0 of 'outputs'")
	f(`{"outputs":[{}]}`, fault.InvalidRequest, "has no 'name'")
	f(`{"outputs":[{"name":5}]}`, fault.InvalidRequest, "'name' of entry 0")
	f(`{"outputs":[{"name":"OUTPUT0","parameters":5}]}`, fault.InvalidParameter, "must be an object")
	f(`{"outputs":[{"name":"OUTPUT0","parameters":{"binary_data":"yes"}}]}`, fault.InvalidParameter, "'binary_data'")
	f(`{"outputs":[{"name":"OUTPUT0","parameters":{"shared_memory_region":"r"}}]}`, fault.Unsupported, "shared memory")
	f(`{"outputs":[{"name":"X"}]}`, fault.UnknownOutput, "unexpected inference output 'X' for model 'simple'; its outputs: 'OUTPUT0', 'OUTPUT1'")
	f(`{"outputs":[{"name":"output_1"}]}`, fault.UnknownOutput, "unexpected inference output 'output_1' for model 'simple'; its outputs: 'OUTPUT1', 'OUTPUT0'")
	f(`{"outputs":[{"name":"OUTPUT0"},{"name":"OUTPUT0"}]}`, fault.DuplicateOutput, "output 'OUTPUT0' already exists in request")
	// The limit is checked before each entry is read.
	small := target.Limits{MaxOutputs: 1, MaxInputs: 1}
	var r Request
	tk := task.Get()
	defer tk.Release()
	if err := r.Decode(simple(), "simple", []byte(`{"outputs":[{"name":"OUTPUT0"},{"name":"OUTPUT1"}]}`), -1, &small, tk); !fault.Is(err, fault.TooManyOutputs) || !strings.Contains(err.Error(), "limits.max_outputs") {
		t.Errorf("got %v, want a fault of kind %s", err, fault.TooManyOutputs.Code())
	}
	// A model that takes more inputs than the limit raises it.
	if err := r.Decode(simple(), "simple", []byte(good), -1, &small, tk); err != nil {
		t.Errorf("got %v for as many inputs as the model has", err)
	}
	third := withInputs(entry("INPUT0", row16), other, "5")
	if err := r.Decode(simple(), "simple", []byte(third), -1, &small, tk); !fault.Is(err, fault.InvalidInputs) || !strings.Contains(err.Error(), "more than 2 entries, the limit of limits.max_inputs") {
		t.Errorf("got %v, want a fault of kind %s", err, fault.InvalidInputs.Code())
	}
}

func TestInputFaults(t *testing.T) {
	f := func(first string, want fault.Kind, text string) {
		t.Helper()
		decodeFault(t, simple(), withInputs(first, other), -1, want, text)
	}
	shape := func(s string) string {
		return entry("INPUT0", `"datatype":"INT32","shape":`+s+`,"data":[`+sixteen+`]`)
	}
	data := func(s string) string { return entry("INPUT0", `"datatype":"INT32","shape":[1,16],"data":`+s) }
	f(entry("X", row16), fault.UnknownInput, "unexpected inference input 'X' for model 'simple'; its inputs: 'INPUT0', 'INPUT1'")
	f(entry("INPTU1", row16), fault.UnknownInput, "unexpected inference input 'INPTU1' for model 'simple'; its inputs: 'INPUT1', 'INPUT0'")
	f(entry("X\\u0001"+strings.Repeat("y", 100), row16), fault.UnknownInput, "'X\uFFFD"+strings.Repeat("y", 62)+"...'")
	f(other, fault.DuplicateInput, "input 'INPUT1' already exists in request")
	f(`{`+row16+`}`, fault.InvalidInputs, "has no 'name'")
	f(`{"name":5}`, fault.InvalidRequest, "'name' of entry 0 of 'inputs' must be a string")
	f(entry("INPUT0", `"shape":[1,16],"data":[1]`), fault.WrongDatatype, "has no 'datatype'")
	f(entry("INPUT0", `"datatype":5`), fault.WrongDatatype, "must be a string")
	f(entry("INPUT0", `"shape":[1,16],"datatype":"int32","data":[1]`), fault.WrongDatatype, "invalid datatype for input INPUT0")
	f(entry("INPUT0", `"shape":[1,16],"datatype":"FP32","data":[1]`), fault.WrongDatatype, "inference input 'INPUT0' data-type is 'FP32', but model 'simple' expects 'INT32'")
	f(entry("INPUT0", `"datatype":"INT32","data":[1]`), fault.WrongShape, "has no 'shape'")
	f(shape(`[9,16]`), fault.BatchTooLarge, "inference request batch-size must be <= 8 for 'simple', got 9 (max_rows in its model.yaml)")
	f(shape(`[1,17]`), fault.WrongShape, "unexpected shape for input 'INPUT0' for model 'simple'. Expected [-1,16], got [1,17]")
	f(shape(`[16]`), fault.WrongShape, "Expected [-1,16], got [16]")
	f(shape(`[]`), fault.WrongShape, "Expected [-1,16], got []")
	f(shape(`[1,16,1]`), fault.WrongShape, "got [1,16,1]")
	f(shape(`[`+strings.Repeat("1,", 40)+`1]`), fault.WrongShape, "more than 32 dimensions")
	f(shape(`[0,16]`), fault.InvalidShape, "input 'INPUT0' has no rows: axis 0 of its shape [0,16]")
	f(shape(`[2,-5]`), fault.InvalidShape, "Unable to parse 'shape': dimension -5")
	f(shape(`[1.5,16]`), fault.InvalidShape, "dimension 1.5")
	f(shape(`["1",16]`), fault.InvalidShape, `dimension "1"`)
	f(shape(`[null,16]`), fault.InvalidShape, "dimension null")
	f(shape(`[[1],16]`), fault.InvalidShape, "dimension [1]")
	f(shape(`16`), fault.InvalidShape, "no array")
	f(shape(`[16,1152921504606846978]`), fault.ShapeTooLarge, "causes total element count to exceed maximum size of 9223372036854775807")
	f(shape(`[4,1152921504606846978]`), fault.ShapeTooLarge, "byte size overflow for input 'INPUT0'")
	f(shape(`[1,99999999999999999999]`), fault.ShapeTooLarge, "9223372036854775807")
	f(shape(`[1,9223372036854775808]`), fault.ShapeTooLarge, "9223372036854775807")
	f(entry("INPUT0", `"datatype":"INT32","shape":[2,16],"data":[`+sixteen+","+sixteen+`]`), fault.BatchMismatch, "input 'INPUT1' batch size does not match other inputs for 'simple'")

	f(data(`[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15]`), fault.DataLengthMismatch, "Failed to parse 'data' field: shape does not match true shape")
	f(data(`[`+sixteen+`,17]`), fault.DataLengthMismatch, "Unable to parse 'data': Shape does not match true shape of 'data' field")
	f(data(`[[[[]]],[]]`), fault.DataLengthMismatch, "got 0")
	f(data(`5`), fault.InvalidValue, "'data' of input 'INPUT0' must be an array")
	f(data(`[1,null]`), fault.InvalidValue, "value null of input 'INPUT0'")
	f(data(`[true]`), fault.InvalidValue, "value true")
	f(data(`["1"]`), fault.InvalidValue, `value "1"`)
	f(data(`[{}]`), fault.InvalidValue, "value {}")
	f(data(`[NaN]`), fault.InvalidValue, "value NaN")
	f(data(`[2147483648]`), fault.ValueOutOfRange, "value 2147483648 of input 'INPUT0' does not fit its datatype INT32")
	f(data(`[1.0]`), fault.ValueOutOfRange, "value 1.0")
	f(data(`[01]`), fault.InvalidJSON, "unexpected")
	f(data(`[1 2]`), fault.InvalidJSON, "unexpected")
	f(data(`[1,,2]`), fault.InvalidJSON, "unexpected")
	f(data(`[1,]`), fault.InvalidJSON, "unexpected")
	f(data(`[+1]`), fault.InvalidJSON, "unexpected")
	f(data(`[`+sixteen+`,`), fault.InvalidJSON, "")
	f(entry("INPUT0", `"data":[1,2,x],"datatype":"INT32","shape":[1,16]`), fault.InvalidJSON, "unexpected")
	f(entry("INPUT0", `"data":[1,2,null],"datatype":"INT32","shape":[1,16]`), fault.InvalidValue, "value null")

	f(entry("INPUT0", `"datatype":"INT32","shape":[1,16]`), fault.InvalidRequest, "Input must set only one of the following fields: 'data', 'binary_data_size' in 'parameters', 'shared_memory_region' in 'parameters'. But no field is set")
	f(entry("INPUT0", row16+`,"parameters":{"binary_data_size":64}`), fault.InvalidRequest, "But set 'data' 'binary_data_size'")
	f(entry("INPUT0", `"parameters":[]`), fault.InvalidParameter, "must be an object")
	f(entry("INPUT0", `"parameters":{"binary_data_size":-1}`), fault.InvalidParameter, "'binary_data_size' must be an unsigned integer of at most 64 bits; that of inputs[0] is -1")
	f(entry("INPUT0", `"parameters":{"binary_data_size":18446744073709551616}`), fault.InvalidParameter, "at most 64 bits; that of inputs[0] is 18446744073709551616")
	f(entry("INPUT0", `"parameters":{"binary_data_size":`+strings.Repeat("9", 100)+`}`), fault.InvalidParameter, "that of inputs[0] is "+strings.Repeat("9", 64)+"...")
	f(entry("INPUT0", `"parameters":{"binary_data_size":tru}`), fault.InvalidJSON, "unexpected")
	decodeFault(t, simple(), withInputs(entry("INPUT0", row16), entry("INPUT1", `"parameters":{"binary_data_size":{"a":1.5}}`)), -1, fault.InvalidParameter, `that of inputs[1] is {"a":1.5}`)
	f(entry("INPUT0", `"parameters":{"shared_memory_region":"r"}`), fault.Unsupported, "shared memory")
	decodeFault(t, simple(), withInputs(entry("INPUT0", row16)), -1, fault.MissingInput,
		"expected 2 inputs but got 1 inputs for model 'simple'. Got input(s) ['INPUT0'], but missing required input(s) ['INPUT1']. Please provide all required input(s).")
}

func TestValueFaults(t *testing.T) {
	f := func(kind tensor.DataType, value string, want fault.Kind, text string) {
		t.Helper()
		body := fmt.Sprintf(`{"inputs":[{"name":"INPUT0","shape":[1,1],"datatype":"%s","data":[%s]}]}`, kind, value)
		decodeFault(t, identity(kind, 8), body, -1, want, text)
	}
	f(tensor.Int8, "300", fault.ValueOutOfRange, "value 300")
	f(tensor.Int8, "-129", fault.ValueOutOfRange, "value -129")
	f(tensor.Uint8, "-1", fault.ValueOutOfRange, "value -1")
	f(tensor.Uint16, "65536", fault.ValueOutOfRange, "UINT16")
	f(tensor.Int32, "1.5", fault.ValueOutOfRange, "INT32")
	f(tensor.Int64, "9223372036854775808", fault.ValueOutOfRange, "INT64")
	f(tensor.Uint64, "18446744073709551616", fault.ValueOutOfRange, "UINT64")
	f(tensor.FP32, "1e39", fault.ValueOutOfRange, "FP32")
	f(tensor.FP32, "-1e400", fault.ValueOutOfRange, "FP32")
	f(tensor.FP64, "1e400", fault.ValueOutOfRange, "FP64")
	f(tensor.Bool, "2", fault.ValueOutOfRange, "BOOL takes true and false")
	f(tensor.Bool, "1", fault.ValueOutOfRange, "BOOL takes true and false")
	f(tensor.Bool, `"true"`, fault.InvalidValue, "BOOL")
	f(tensor.Bool, "tru", fault.InvalidJSON, "unexpected")
	f(tensor.FP32, "true", fault.InvalidValue, "FP32")
	f(tensor.FP32, "nul", fault.InvalidJSON, "unexpected")
	f(tensor.Int32, "null", fault.InvalidValue, "value null of input 'INPUT0' is not of its datatype INT32, at inputs[0].data[0]")
	f(tensor.Bool, "null", fault.InvalidValue, "value null of input 'INPUT0' is not of its datatype BOOL, at inputs[0].data[0]")
	f(tensor.Bytes, `"a",null`, fault.InvalidValue, "value null of input 'INPUT0' is not of its datatype BYTES, at inputs[0].data[1]")
	f(tensor.FP32, `"NaN"`, fault.InvalidValue, "FP32")
	f(tensor.FP32, "-NaN", fault.InvalidJSON, "unexpected")
	f(tensor.Bytes, "5", fault.InvalidValue, "BYTES")
	f(tensor.Bytes, "null", fault.InvalidValue, "BYTES")
	f(tensor.Bytes, `"\ud800"`, fault.InvalidUTF8, "surrogate")
	f(tensor.Bytes, "\"\xc3\"", fault.InvalidUTF8, "UTF-8")
	f(tensor.Bytes, `"a","b"`, fault.InvalidBytes, "expected 1 string elements for inference input 'INPUT0', got 2")
	f(tensor.Bytes, ``, fault.InvalidBytes, "got 0")
	f(tensor.FP16, "1", fault.WrongDatatype, "FP16 data via JSON is not supported. Please use the binary data format for")
	f(tensor.BF16, "1", fault.WrongDatatype, "BF16 data via JSON is not supported. Please use the binary data format for")
}

func TestBinaryFaults(t *testing.T) {
	f := func(s *tensor.Schema, header, blobs string, want fault.Kind, text string) {
		t.Helper()
		decodeFault(t, s, header+blobs, len(header), want, text)
	}
	in := func(name string, size int) string {
		return fmt.Sprintf(`{"name":"%s","datatype":"INT32","shape":[1,16],"parameters":{"binary_data_size":%d}}`, name, size)
	}
	both := withInputs(in("INPUT0", 64), in("INPUT1", 64))
	zeros := strings.Repeat("\x00", 1000)
	f(simple(), both, zeros[:124], fault.BinarySizeMismatch, "unexpected size for input 'INPUT1', expecting 4 additional bytes for model 'simple'")
	f(simple(), both, zeros[:132], fault.BinarySizeMismatch, "unexpected additional input data for model 'simple'")
	f(simple(), withInputs(in("INPUT0", 60), in("INPUT1", 64)), zeros[:124], fault.BinarySizeMismatch, "input byte size mismatch for input 'INPUT0' for model 'simple'. Expected 64, got 60")
	for size, more := range map[string]string{ // from 2^62 to 2^64-1
		"4611686018427387905": "4611686018427386905", "9223372036854775807": "9223372036854774807", "9223372036854775808": "9223372036854774808", "18446744073709551615": "18446744073709550615",
	} {
		f(simple(), withInputs(`{"name":"INPUT0","datatype":"INT32","shape":[1,16],"parameters":{"binary_data_size":`+size+`}}`), zeros, fault.BinarySizeMismatch,
			"unexpected size for input 'INPUT0', expecting "+more+" additional bytes for model 'simple': its 'binary_data_size' is "+size+", and the body has 1000 bytes left for it")
	}
	decodeFault(t, simple(), both, -1, fault.BadBinaryHeader, "no Inference-Header-Content-Length")

	strs := func(elements int, data string) (string, string) {
		return fmt.Sprintf(`{"inputs":[{"name":"INPUT0","shape":[1,%d],"datatype":"BYTES","parameters":{"binary_data_size":%d}}]}`, elements, len(data)), data
	}
	g := func(elements int, data string, text string) {
		t.Helper()
		header, blob := strs(elements, data)
		f(identity(tensor.Bytes, 8), header, blob, fault.InvalidBytes, text)
	}
	g(1, "\x02\x00\x00", "incomplete string length indicator for inference input 'INPUT0', expecting 4 bytes but only 3 bytes available")
	g(1, "\x02\x00\x00\x00a", "incomplete string data for inference input 'INPUT0'")
	g(1, "\xff\xff\xff\xffa", "incomplete string data for inference input 'INPUT0'")
	g(1, "\x01\x00\x00\x00a\x00\x00\x00\x00", "unexpected number of string elements 2 for inference input 'INPUT0', expecting 1")
	g(2, "\x01\x00\x00\x00a", "expected 2 string elements for inference input 'INPUT0', got 1")

	// Raw requests.
	decodeFault(t, simple(), zeros[:128], 0, fault.BadBinaryHeader, "Raw request must only have 1 input (found 1) to be deduced but got 2 inputs in 'simple' model configuration")
	decodeFault(t, simple(), "", -1, fault.EmptyBody, "Raw request must only have 1 input")
	twoFree := identity(tensor.FP32, 8)
	twoFree.Inputs[0].Shape = []int64{-1, -1, -1}
	decodeFault(t, twoFree, zeros[:8], 0, fault.BadBinaryHeader, "can not be deduced because there are more than one variable-sized dimension")
	fixed := identity(tensor.FP32, 8)
	fixed.Inputs[0].Shape = []int64{-1, 3}
	decodeFault(t, fixed, zeros[:8], 0, fault.BinarySizeMismatch, "Expected 12, got 8")
	decodeFault(t, fixed, "", -1, fault.EmptyBody, "no body")
	decodeFault(t, identity(tensor.FP32, 8), zeros[:7], 0, fault.BinarySizeMismatch, "no whole number of FP32 values")
	strided := identity(tensor.FP32, 8)
	strided.Inputs[0].Shape = []int64{-1, -1, 3}
	decodeFault(t, strided, zeros[:8], 0, fault.BinarySizeMismatch, "fill no shape like [-1,-1,3]")
}

func TestLimits(t *testing.T) {
	f := func(kind tensor.DataType, lim target.Limits, shape, data string, want fault.Kind, text string) {
		t.Helper()
		body := fmt.Sprintf(`{"inputs":[{"name":"INPUT0","shape":%s,"datatype":"%s","data":%s}]}`, shape, kind, data)
		var r Request
		tk := task.Get()
		defer tk.Release()
		err := r.Decode(identity(kind, 8), "m", []byte(body), -1, &lim, tk)
		if !fault.Is(err, want) || !strings.Contains(err.Error(), text) {
			t.Errorf("%s %s: got %v (%s), want %s: %s", shape, data, err, code(err), want.Code(), text)
		}
		if used := tk.Arena.Used(); used > 1000 {
			t.Errorf("%s %s: took %d bytes for a request of %d", shape, data, used, len(body))
		}
	}
	f(tensor.FP32, target.Limits{MaxElements: 3}, `[1,4]`, `[1,2,3,4]`, fault.ShapeTooLarge, "4 elements, more than the limit of 3 (limits.max_elements)")
	f(tensor.FP32, target.Limits{MaxTensorBytes: 15}, `[1,4]`, `[1,2,3,4]`, fault.ShapeTooLarge, "16 bytes, more than the limit of 15 (limits.max_decompressed_bytes)")
	f(tensor.Bytes, target.Limits{MaxTensorBytes: 9}, `[1,2]`, `["a","b"]`, fault.ShapeTooLarge, "10 bytes, more than the limit of 9 (limits.max_decompressed_bytes)")
	f(tensor.FP32, target.Limits{MaxDepth: 4}, `[1,1]`, `[[1]]`, fault.JSONTooDeep, "limit (4) of limits.max_json_depth")
	f(tensor.FP32, target.Limits{}, `[1,1000000]`, `[1,2,3,4]`, fault.DataLengthMismatch, "Failed to parse 'data' field: shape does not match true shape")
	f(tensor.FP32, target.Limits{}, `[1,1000000]`, `[1,2,3,4`, fault.InvalidJSON, "unexpected")
}

func TestOutputTypeFaults(t *testing.T) {
	f := func(kind tensor.DataType, outputs, text string) {
		t.Helper()
		s := identity(tensor.FP32, 8)
		s.Outputs[0].Type = kind
		decodeFault(t, s, `{"inputs":[{"name":"INPUT0","shape":[1,1],"datatype":"FP32","data":[1]}],"outputs":[{"name":"OUTPUT0","parameters":{`+outputs+`}}]}`, -1, fault.WrongDatatype, text)
	}
	f(tensor.FP16, ``, "sending FP16 data via JSON is not supported. Please use the binary data format for output")
	f(tensor.BF16, `"binary_data":false`, "sending BF16 data via JSON is not supported. Please use the binary data format for output")
	for _, kind := range []tensor.DataType{tensor.FP16, tensor.BF16, tensor.Bool, tensor.Bytes} {
		f(kind, `"binary_data":true,"classification":1`, fmt.Sprintf("class result not available for output 'OUTPUT0' due to unsupported type '%s'", kind))
	}
}
