package httpfront

import (
	"bufio"
	"bytes"
	"encoding/json"
	"strconv"
	"testing"
	"time"

	"sluice/gateway/http/wire"
	"sluice/internal/fault"
	"sluice/internal/task"
)

// The header and the field say the same, on each way that a refusal can take.
func TestRetryAfterMs(t *testing.T) {
	refusal := &fault.Error{Kind: fault.Overloaded, Text: "too much", RetryAfter: 40 * time.Millisecond}
	f := func(name string, a answerOf, told bool) {
		t.Helper()
		var body struct {
			Again *float64 `json:"retry_after_ms"`
		}
		if err := json.Unmarshal([]byte(a.body), &body); err != nil {
			t.Fatalf("%s: %v in %s", name, err, a.body)
		}
		header := a.header.Get("Sluice-Retry-After-Ms")
		if !told {
			if header != "" || body.Again != nil {
				t.Errorf("%s: got %q and %s", name, header, a.body)
			}
			return
		}
		ms, err := strconv.ParseFloat(header, 64)
		if err != nil || body.Again == nil || *body.Again != ms || ms < 40 || ms > 50 || a.header.Get("Retry-After") != "1" {
			t.Errorf("%s: got %q, %q and %s", name, header, a.header.Get("Retry-After"), a.body)
		}
	}
	model := simpleModel()
	model.admit = func() error { return refusal }
	f("before decoding", serve(t, newFakeModels(model), nil).send(post(simpleInfer, simpleBody(""))), true)
	model = simpleModel()
	model.run = func(*task.Task) error { return refusal }
	f("after decoding", serve(t, newFakeModels(model), nil).send(post(simpleInfer, simpleBody(""))), true)
	raw, _ := wire.AppendFault(nil, refusal, &wire.Refused{ID: []byte("a-1")})
	a, err := readAnswer(bufio.NewReader(bytes.NewReader(raw)))
	if err != nil {
		t.Fatal(err)
	}
	f("before the body", a, true)
	f("a wait that is not known", serve(t, fixtures(), nil).send(post("/v2/models/nope/infer", "{}")), false)
}
