package httpfront

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"sluice/internal/fault"
	"sluice/internal/tensor"
)

// An answer's NaN and infinities are bare words in its JSON, or null where the model's setting or
// the request's header says so; the header is right. Binary data and classes are as ever.
func TestNonFiniteAnswers(t *testing.T) {
	nulls, words := identityModel("nulls", tensor.FP32, 8), identityModel("words", tensor.FP32, 8)
	doubles := identityModel("doubles", tensor.FP64, 8)
	nulls.info.NullNonFinite, doubles.info.NullNonFinite = true, true
	e := serve(t, newFakeModels(nulls, words, doubles), nil)
	data := func(model string) string {
		kind := "FP32"
		if model == "doubles" {
			kind = "FP64"
		}
		return inputs(input("INPUT0", kind, "[2,2]", `"data":[null,Infinity,-Infinity,0.5]`))
	}
	f := func(model, value string, null bool) {
		t.Helper()
		var headers []string
		if value != "" {
			headers = append(headers, "Sluice-Nonfinite: "+value)
		}
		v2, rows, columns := `"data":[NaN,Infinity,-Infinity,0.5]`, `{"predictions":[[NaN,Infinity],[-Infinity,0.5]]}`, `{"outputs":[[NaN,Infinity],[-Infinity,0.5]]}`
		if null {
			r := strings.NewReplacer("NaN", "null", "-Infinity", "null", "Infinity", "null")
			v2, rows, columns = r.Replace(v2), r.Replace(rows), r.Replace(columns)
		}
		for _, ask := range []struct{ raw, want string }{
			{post("/v2/models/"+model+"/infer", "{"+data(model)+"}", headers...), v2},
			{post("/v1/models/"+model+":predict", `{"instances":[[NaN,Infinity],[-Infinity,0.5]]}`, headers...), rows},
			{post("/v1/models/"+model+":predict", `{"inputs":[[null,Infinity],[-Infinity,0.5]]}`, headers...), columns},
		} {
			a := e.send(ask.raw)
			if a.status != 200 || !strings.Contains(a.body, ask.want) {
				t.Errorf("%s %q: got %d %s, want %s", model, value, a.status, a.body, ask.want)
			}
			if json.Valid([]byte(a.body)) != null {
				t.Errorf("%s %q: %s is strict JSON: %v", model, value, a.body, !null)
			}
		}
	}
	f("words", "", false)
	f("words", "literal", false)
	f("words", "null", true)
	f("nulls", "", true)
	f("nulls", "null", true)
	f("nulls", "literal", false)
	f("doubles", "", true)
	f("doubles", "literal", false)

	const nan, inf = "\x00\x00\xc0\x7f", "\x00\x00\x80\x7f"
	outputs := func(parameters string) string {
		return `{"outputs":[{"name":"OUTPUT0","parameters":{` + parameters + `}}],` + inputs(input("INPUT0", "FP32", "[1,2]", `"data":[null,Infinity]`)) + "}"
	}
	if a := e.send(post("/v2/models/nulls/infer", outputs(`"binary_data":true`))); a.status != 200 || !strings.HasSuffix(a.body, nan+inf) {
		t.Errorf("binary: got %d %q", a.status, a.body)
	}
	if a := e.send(post("/v2/models/nulls/infer", outputs(`"classification":2`))); a.status != 200 || !strings.Contains(a.body, `"data":["+Inf:1","NaN:0"]`) {
		t.Errorf("classification: got %d %q", a.status, a.body)
	}
	for _, value := range []string{"", "NULL", "nan", "null, literal", strings.Repeat("x", 100)} {
		for _, raw := range []string{
			post("/v2/models/words/infer", "{"+data("words")+"}", "Sluice-Nonfinite: "+value),
			post("/v1/models/words:predict", `{"instances":[[1,2]]}`, "Sluice-Nonfinite: "+value),
		} {
			a := e.send(raw)
			if want := fmt.Sprintf("Sluice-Nonfinite is \\\"%.40s\\\"; it must be null or literal", value); a.status != 400 || !strings.Contains(a.body, want) || !strings.Contains(a.body, "INVALID_PARAMETER") {
				t.Errorf("%q: got %d %s, want %s", value, a.status, a.body, want)
			}
		}
	}
}

// An answer above the limit is refused with the limit and the setting, in every form, and counts
// as the client's fault; the connection goes on.
func TestAnswerLimit(t *testing.T) {
	const limit = 1000
	e := serve(t, newFakeModels(identityModel("fp32", tensor.FP32, 8), identityModel("text_bytes", tensor.Bytes, 8), simpleModel()),
		func(o *setup) { o.Core.Limits.MaxAnswerBytes = limit })
	const text = "the answer is larger than 1000 bytes, the limit of limits.max_answer_bytes"
	asked := 0
	f := func(raw, want string) {
		t.Helper()
		a := e.send(raw)
		asked++
		switch {
		case want == "":
			if a.status != 200 || len(a.body) > limit {
				t.Errorf("got %d with %d bytes: %s", a.status, len(a.body), a.body)
			}
		case a.status != 413 || a.body != `{"error":"`+text+want+`","code":"ANSWER_TOO_LARGE"}` || a.close:
			t.Errorf("got %d %s, want %s%s", a.status, a.body, text, want)
		case a.header.Get("Sluice-Model") == "" || a.header.Get("Sluice-Device") != "fake":
			t.Errorf("the refusal does not tell of the run: %v", a.header)
		}
	}
	v2 := func(value string, n int, more string) string {
		return post("/v2/models/fp32/infer", "{"+more+inputs(input("INPUT0", "FP32", fmt.Sprintf("[1,%d]", n), `"data":[`+strings.TrimSuffix(strings.Repeat(value+",", n), ",")+`]`))+"}")
	}
	f(v2("1", 200, ""), "")
	f(v2("1", 300, ""), `; as binary data (\"binary_data\": true) its tensors take 1200 bytes`)
	f(v2("1.2345678", 100, ""), `; as binary data (\"binary_data\": true) its tensors take 400 bytes`)
	f(v2("1.2345678", 100, `"parameters":{"binary_data_output":true},`), "")
	f(v2("1.2345678", 300, `"parameters":{"binary_data_output":true},`), `: its tensors take 1200 bytes`)
	f(v2("1", 245, `"parameters":{"binary_data_output":true},`), `: its tensors take 980 bytes`) // with its JSON
	f(post("/v1/models/fp32:predict", `{"inputs":[[`+strings.TrimSuffix(strings.Repeat("1,", 240), ",")+`]]}`), "")
	f(post("/v1/models/fp32:predict", `{"inputs":[[`+strings.TrimSuffix(strings.Repeat("1,", 260), ",")+`]]}`), "; the V2 protocol carries its tensors as binary data in 1040 bytes")
	f(post("/v1/models/fp32:predict", `{"instances":[[`+strings.TrimSuffix(strings.Repeat("1.25,", 240), ",")+`]]}`), "; the V2 protocol carries its tensors as binary data in 960 bytes")
	long := `"` + strings.Repeat(`\u0001`, 200) + `"`
	f(post("/v2/models/text_bytes/infer", "{"+inputs(input("INPUT0", "BYTES", "[1,1]", `"data":[`+long+`]`))+"}"), `; as binary data (\"binary_data\": true) its tensors take 204 bytes`)
	f(post("/v1/models/text_bytes:predict", `{"instances":[[`+long+`]]}`), "; the V2 protocol carries its tensors as binary data in 204 bytes")

	refused := 0
	for _, o := range e.outcomes(asked) {
		if o.Fault == fault.AnswerTooLarge && o.Trace.RunEnd != 0 {
			refused++
		}
	}
	if refused != 8 {
		t.Errorf("%d outcomes tell of an answer that was too large, want 8", refused)
	}
}
