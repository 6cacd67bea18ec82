package httpfront

import (
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"sluice/internal/fault"
	"sluice/internal/task"
)

// Every request is reported once: as an outcome if it reached a model, as a refusal if
// not; and every answer by its status.
func TestObserver(t *testing.T) {
	model := simpleModel()
	run := model.run
	var late atomic.Bool
	model.run = func(tk *task.Task) error {
		if late.Load() {
			tk.Deadline = tk.Arrived
		}
		return run(tk)
	}
	e := serve(t, newFakeModels(model), nil)
	two := "{" + inputs(input("INPUT0", "INT32", "[2,16]", `"data":[`+sixteen+","+sixteen+`]`), input("INPUT1", "INT32", "[2,16]", `"data":[`+sixteen+","+sixteen+`]`)) + "}"
	e.send(post(simpleInfer, two))
	e.outcomes(1) // comes after the answer
	late.Store(true)
	e.send(post(simpleInfer, two))
	e.outcomes(2)
	e.send(post(simpleInfer, "{"+inputs(intInput("INPUT0"))+"}"))
	e.send(post("/v2/models/nope/infer", two))
	e.send(get("/nope"))
	e.send("GET /v2 HTTP/9.9\r\n\r\n")
	e.send(get("/v2"))

	outcomes := e.outcomes(3)
	e.seen.mu.Lock()
	defer e.seen.mu.Unlock()
	if want := []int{200, 200, 400, 404, 404, 505, 200}; !slices.Equal(e.seen.statuses, want) {
		t.Errorf("statuses are %v, want %v", e.seen.statuses, want)
	}
	if want := []fault.Kind{fault.ModelNotFound, fault.NotFound, fault.HTTPVersionUnsupported}; !slices.Equal(e.seen.refused, want) {
		t.Errorf("refusals are %v, want %v", e.seen.refused, want)
	}
	if len(outcomes) != 3 {
		t.Fatalf("%d outcomes, want 3", len(outcomes))
	}
	for i, o := range outcomes[:2] {
		if o.Fault != fault.None || o.Late != (i == 1) || o.Rows != 2 || o.RequestBytes != len(two) || o.ResponseBytes == 0 || o.Trace.Batch != 2 ||
			o.Decode <= 0 || o.Encode <= 0 || o.Total < o.Decode+o.Encode || o.Total > time.Minute {
			t.Errorf("outcome %d is %+v", i, o)
		}
	}
	if o := outcomes[2]; o.Fault != fault.MissingInput || o.Total <= 0 || o.Encode != 0 {
		t.Errorf("the refused request's outcome is %+v", o)
	}
}
