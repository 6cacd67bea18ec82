package oip

import (
	"bytes"
	"encoding/json"
	"strconv"
	"testing"

	"sluice/internal/fault"
	"sluice/internal/task"
)

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
