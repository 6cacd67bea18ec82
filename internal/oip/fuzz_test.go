package oip

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"testing"
	"unicode/utf8"

	"sluice/internal/fault"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// mixed is a model with an input of every kind of place: fixed and free dimensions,
// strings, a padded axis.
func mixed() *tensor.Schema {
	return &tensor.Schema{
		Inputs: []tensor.Spec{
			{Name: "f", Type: tensor.FP32, Shape: []int64{-1, 2}},
			{Name: "s", Type: tensor.Bytes, Shape: []int64{-1, -1}},
			{Name: "i", Type: tensor.Int64, Shape: []int64{-1, -1}},
		},
		Outputs: []tensor.Spec{
			{Name: "f", Type: tensor.FP32, Shape: []int64{-1, 2}},
			{Name: "s", Type: tensor.Bytes, Shape: []int64{-1, -1}},
			{Name: "i", Type: tensor.Int64, Shape: []int64{-1, -1}},
		},
		MaxBatch: 4, MaxRows: 4,
		Padding: &tensor.Padding{InputAxis: []int{-1, -1, 1}, OutputAxis: []int{-1, -1, 1}, Buckets: []int{4, 8}, Values: [][]byte{nil, nil, make([]byte, 8)}},
	}
}

// fuzzSchemas are the models that fuzzed requests go to.
var fuzzSchemas = []*tensor.Schema{
	mixed(), identity(tensor.FP32, 8), identity(tensor.Bytes, 0), identity(tensor.Bool, 8), identity(tensor.FP64, 8), identity(tensor.Uint8, 0), identity(tensor.BF16, 8),
	echoing(ranking(-1)), echoing(ranking(1)), echoing(scaled(8)), echoing(scaled(0)),
}

// echoing is a schema whose outputs are its inputs.
func echoing(s *tensor.Schema) *tensor.Schema {
	s.Outputs = s.Inputs
	return s
}

// checkRefusal checks what holds for every error.
func checkRefusal(t *testing.T, err error) {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) || f.Kind == fault.None || f.Kind == fault.Internal {
		t.Fatalf("got error %v of kind %s, want a client's fault", err, code(err))
	}
	if !utf8.ValidString(f.Text) || f.Text == "" || len(f.Text) > 1000 {
		t.Fatalf("error text %q is not fit to be shown", f.Text)
	}
}

// checkTask checks what the scheduler and the sessions rely on.
func checkTask(t *testing.T, s *tensor.Schema, tk *task.Task) {
	t.Helper()
	if tk.Rows < 1 || s.Batchable() && tk.Rows > s.MaxRows || !s.Batchable() && tk.Rows != 1 {
		t.Fatalf("got %d rows", tk.Rows)
	}
	for i := range s.Inputs {
		in, spec := &tk.Inputs[i], &s.Inputs[i]
		checkTensor(t, spec, in)
		if !s.Batchable() || in.Shape[0] == int64(tk.Rows) && !oneRow(spec) || in.Shape[0] == 1 && spec.Once {
			continue
		}
		t.Fatalf("got shape %v of %v in a task of %d rows", in.Shape, *spec, tk.Rows)
	}
	given := 0
	for i := range tk.Optional {
		if tk.Optional[i].Type != tensor.Invalid {
			checkTensor(t, &s.Optional[i], &tk.Optional[i])
			given++
		}
	}
	if len(tk.Optional) != 0 && len(tk.Optional) != len(s.Optional) || (given > 0) != (len(tk.Optional) > 0) || (given > 0) != (tk.ShapeKey&ownBit != 0) {
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

// snapshot copies the inputs, to compare them later.
func snapshot(tk *task.Task) (all [][]byte) {
	for i := range tk.Inputs {
		all = append(all, bytes.Clone(tk.Inputs[i].Data))
	}
	return all
}

func FuzzDecode(f *testing.F) {
	add := func(schema uint8, header, blobs string) {
		f.Add(schema, len(header), []byte(header+blobs))
		f.Add(schema, -1, []byte(header))
	}
	add(0, `{"id":"a","inputs":[{"name":"f","datatype":"FP32","shape":[1,2],"data":[1.5,NaN]},{"name":"s","datatype":"BYTES","shape":[1,1],"data":["\u00e9"]},{"data":[[1,2,3]],"shape":[1,3],"name":"i","datatype":"INT64"}],"outputs":[{"name":"s"},{"name":"i","parameters":{"binary_data":true}}],"parameters":{"timeout":5}}`, "")
	add(0, `{"inputs":[{"name":"f","datatype":"FP32","shape":[1,2],"parameters":{"binary_data_size":8}},{"name":"s","datatype":"BYTES","shape":[1,0],"parameters":{"binary_data_size":0}},{"name":"i","datatype":"INT64","shape":[1,1],"parameters":{"binary_data_size":8}}]}`, "0123456701234567")
	add(1, `{"inputs":[{"name":"INPUT0","datatype":"FP32","shape":[1,4],"data":[0.123456,-1.5e-5,12345678.123456789, 7,1]}],"x":{"y":[null,true]}}`, "")
	add(1, ``, "\x00\x00\x80\x3f")
	add(2, `{"inputs":[{"name":"INPUT0","datatype":"BYTES","shape":[2],"parameters":{"binary_data_size":10}}]}`, "\x02\x00\x00\x00hi\x00\x00\x00\x00")
	for schema := range uint8(4) {
		add(7+schema, withInputs(user(1, "[1,2]"), items(3, "[1,2,3]"), tags(1, `["a"]`)), "")
		add(7+schema, withInputs(tags(2, `["a","a"]`), user(2, "[1,2,1,2]"), items(2, "[1,2]")), "")
		add(7+schema, withInputs(`{"name":"user","datatype":"UINT8","shape":[2,2],"parameters":{"binary_data_size":4}}`, items(2, "[1,2]"), tags(1, `["a"]`)), "abab")
		add(7+schema, withInputs(x2, scale10, `{"name":"names","datatype":"BYTES","shape":[2],"parameters":{"binary_data_size":8}}`), "\x00\x00\x00\x00\x00\x00\x00\x00")
	}
	f.Fuzz(func(t *testing.T, schema uint8, headerLen int, body []byte) {
		s := fuzzSchemas[int(schema)%len(fuzzSchemas)]
		if headerLen < -1 || headerLen > len(body) {
			headerLen = -1 // ParseHeaderLength lets none of these through
		}
		var r Request
		tk := task.Get()
		defer tk.Release()
		err := r.Decode(s, "m", bytes.Clone(body), headerLen, nil, tk)
		if err != nil {
			checkRefusal(t, err)
		} else {
			checkTask(t, s, tk)
			header := body[:max(headerLen, 0)]
			if headerLen < 0 {
				header = body
			}
			tokens := bytes.Contains(header, []byte("NaN")) || bytes.Contains(header, []byte("Inf"))
			if len(header) > 0 && !tokens && !json.Valid(header) {
				t.Fatalf("%q was taken for JSON", header)
			}
		}
		// A used Request decodes as a new one, and holds nothing of the body.
		before := snapshot(tk)
		again := bytes.Clone(body)
		second := task.Get()
		defer second.Release()
		r.Reset()
		if err2 := r.Decode(s, "m", again, headerLen, nil, second); (err == nil) != (err2 == nil) {
			t.Fatalf("got %v first and %v then", err, err2)
		}
		for i := range again {
			again[i] = 0xaa
		}
		if err != nil {
			return
		}
		for i, data := range snapshot(second) {
			if !bytes.Equal(data, before[i]) {
				t.Fatalf("input %d: got %x first and %x then", i, before[i], data)
			}
		}
		runIdentity(s, second)
		if _, _, err := r.AppendResponse(nil, s, "m", "1", second); err != nil && !fault.Is(err, fault.InvalidUTF8) {
			t.Fatalf("cannot answer: %v", err)
		}
	})
}

func FuzzDecodeV1(f *testing.F) {
	f.Add(uint8(0), []byte(`{"instances":[{"f":[1,2],"s":["a"],"i":[1]},{"f":[1,2],"s":[{"b64":"YQ=="}],"i":[2]}]}`))
	f.Add(uint8(0), []byte(`{"signature_name":"serving_default","inputs":{"f":[[1,NaN]],"s":[["a"]],"i":[[1]]}}`))
	f.Add(uint8(1), []byte(`{"instances":[[0.25,1.123456789,-3e5,10],[1, 2 ,3.5,4.5]]}`))
	f.Add(uint8(2), []byte(`{"inputs":{"b64":"YQ"}}`))
	f.Add(uint8(2), []byte(`{"inputs":["\ud83d\ude00"]}`))
	for schema := range uint8(4) {
		f.Add(7+schema, []byte(`{"inputs":{"user":[[1,2]],"items":[[1],[2]],"tags":[["a"]]}}`))
		f.Add(7+schema, []byte(`{"instances":[{"user":[1,2],"items":[1],"tags":["a"]},{"tags":["a"],"items":[2],"user":[1,2]}]}`))
		f.Add(7+schema, []byte(`{"instances":[{"x":[1,2],"scale":[10],"names":["a"]},{"names":["a"],"x":[3,4],"scale":[10]}]}`))
		f.Add(7+schema, []byte(`{"inputs":{"x":[[1,2]],"names":[]}}`))
	}
	f.Fuzz(func(t *testing.T, schema uint8, body []byte) {
		s := fuzzSchemas[int(schema)%len(fuzzSchemas)]
		var r V1Request
		tk := task.Get()
		defer tk.Release()
		if err := r.Decode(s, "m", body, nil, tk); err != nil {
			checkRefusal(t, err)
			return
		}
		checkTask(t, s, tk)
		if !bytes.Contains(body, []byte("NaN")) && !bytes.Contains(body, []byte("Inf")) && !json.Valid(body) {
			t.Fatalf("%q was taken for JSON", body)
		}
		// The answer of an echo holds the same values, so it is the same request again.
		before := snapshot(tk)
		runIdentity(s, tk)
		out, err := r.AppendResponse(nil, s, tk)
		if fault.Is(err, fault.InvalidUTF8) {
			return // base64 carried what is no text
		}
		if err != nil {
			t.Fatalf("cannot answer: %v", err)
		}
		body = bytes.Replace(out, []byte(`{"outputs":`), []byte(`{"inputs":`), 1)
		body = bytes.Replace(body, []byte(`{"predictions":`), []byte(`{"instances":`), 1)
		second := task.Get()
		defer second.Release()
		if err := r.Decode(s, "m", body, nil, second); err != nil {
			t.Fatalf("cannot read the answer %s: %v", out, err)
		}
		for i, data := range snapshot(second) {
			if !sameElements(s.Inputs[i].Type, data, before[i]) {
				t.Fatalf("input %d: got %x, want %x", i, data, before[i])
			}
		}
	})
}

func FuzzParseHeaderLength(f *testing.F) {
	for _, value := range []string{"0", "12", "-1", "+5", "abc", "99999999999", "999999999999999999999999999999", "", " 5", "0x10", "1_0"} {
		f.Add(value, 20)
	}
	f.Fuzz(func(t *testing.T, value string, bodyLen int) {
		bodyLen = max(bodyLen, 0)
		n, err := ParseHeaderLength([]byte(value), bodyLen)
		if err != nil {
			checkRefusal(t, err)
			if !fault.Is(err, fault.BadBinaryHeader) {
				t.Fatalf("got kind %s, want %s", code(err), fault.BadBinaryHeader.Code())
			}
			return
		}
		want, err := strconv.ParseUint(value, 10, 63)
		if err != nil || n != int(want) || n > bodyLen {
			t.Fatalf("got %d for %q in a body of %d", n, value, bodyLen)
		}
	})
}

func FuzzControl(f *testing.F) {
	for _, body := range []string{"", "{}", `{"ready":true}`, `{"ready":[1]}`, `{"parameters":{"config":"x"}}`, `{"parameters":{"unload_dependents":true}}`, `[`} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if _, err := ParseIndexRequest(body); err != nil {
			checkRefusal(t, err)
		}
		if err := ParseLoadRequest(body); err != nil {
			checkRefusal(t, err)
		}
	})
}
