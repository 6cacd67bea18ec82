package v1

import (
	"bytes"
	"encoding/json"
	"testing"

	"sluice/internal/fault"
	"sluice/internal/oip/oiptest"
	"sluice/internal/task"
)

func FuzzDecode(f *testing.F) {
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
		s := oiptest.FuzzSchemas[int(schema)%len(oiptest.FuzzSchemas)]
		var r Request
		tk := task.Get()
		defer tk.Release()
		if err := r.Decode(s, "m", body, nil, tk); err != nil {
			oiptest.CheckRefusal(t, err)
			return
		}
		oiptest.CheckTask(t, s, tk)
		if !bytes.Contains(body, []byte("NaN")) && !bytes.Contains(body, []byte("Inf")) && !json.Valid(body) {
			t.Fatalf("%q was taken for JSON", body)
		}
		// The answer of an echo holds the same values, so it is the same request again.
		before := oiptest.Snapshot(tk)
		oiptest.RunIdentity(s, tk)
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
		for i, data := range oiptest.Snapshot(second) {
			if !oiptest.SameElements(s.Inputs[i].Type, data, before[i]) {
				t.Fatalf("input %d: got %x, want %x", i, data, before[i])
			}
		}
	})
}
