package client

import (
	"bytes"
	"fmt"
	"testing"
	"unicode/utf8"

	"sluice/internal/oip/oiptest"
)

// FuzzReadResponse holds that any body is read or refused, twice the same, and that what was
// read can be asked for again in the client's own words.
func FuzzReadResponse(f *testing.F) {
	f.Add([]byte(`{"id":"7","model_name":"m","model_version":"1","outputs":[{"name":"y","datatype":"FP32","shape":[2],"data":[1.5,NaN]}]}`), -1)
	f.Add([]byte(`{"outputs":[{"data":[["a\n"],["b"]],"name":"y","datatype":"BYTES","shape":[2,1]}]}`), -1)
	f.Add([]byte(`{"outputs":[{"name":"y","shape":[1],"datatype":"BOOL","parameters":{"binary_data_size":1}}]}`+"\x07"), 88)
	f.Add([]byte(`{"outputs":[{"name":"y","shape":[1,0],"datatype":"INT8","data":[[]]}]}`), -1)
	f.Add([]byte(`{"parameters":{"degraded":true,"features.x.u:a":"cached*2,missing"},"outputs":[{"name":"y","datatype":"INT8","shape":[1],"data":[1]}]}`), -1)
	f.Fuzz(func(t *testing.T, body []byte, headerLen int) {
		var first, second Response
		err := ReadResponse(body, max(headerLen, -1), &first)
		if err2 := ReadResponse(body, max(headerLen, -1), &second); (err == nil) != (err2 == nil) {
			t.Fatalf("got %v first and %v then", err, err2)
		}
		if err != nil {
			oiptest.CheckRefusal(t, err)
			return
		}
		again, jsonLen, err := answerOf(&first)
		if err != nil {
			t.Fatal(err)
		}
		if err := ReadResponse(again, jsonLen, &second); err != nil {
			t.Fatalf("cannot read %q, which is %q again: %v", again, body, err)
		}
		for i, want := range first.Outputs {
			if got := second.Outputs[i]; got.Name != want.Name || got.Type != want.Type || !bytes.Equal(got.Data, want.Data) {
				t.Fatalf("output %d: got %+v, want %+v", i, got, want)
			}
		}
	})
}

// answerOf writes what was read as a binary answer again.
func answerOf(r *Response) ([]byte, int, error) {
	if !utf8.Valid(r.ID) {
		return nil, 0, fmt.Errorf("id %q is no text", r.ID)
	}
	request := InferRequest{ID: string(r.ID), Inputs: r.Outputs, Binary: true}
	body, jsonLen, err := AppendInferRequest(nil, &request)
	if jsonLen++; len(r.Outputs) == 0 {
		jsonLen = -1
	}
	return bytes.Replace(body, []byte(`"inputs":[`), []byte(`"outputs":[`), 1), jsonLen, err
}
