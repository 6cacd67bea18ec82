package httpfront

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sluice/gateway"
	"sluice/internal/fault"
	"sluice/internal/task"
)

// recorded writes down what a listener is told.
type recorded struct {
	mu   sync.Mutex
	seen []string
}

func (r *recorded) ended(x *gateway.Exchange) {
	t := x.Task
	line := fmt.Sprintf("%s decoded=%v v1=%v body=%d type=%q coding=%q header=%d arrived=%v", x.Model.Info().Name, x.Decoded, x.Format == gateway.V1, len(x.Body), x.Head.ContentType, x.Head.ContentEncoding, x.JSONLength(), t.Arrived > 0)
	if x.Decoded {
		line += fmt.Sprintf(" rows=%d shape=%v priority=%d budget=%v", t.Rows, t.Inputs[0].Shape, t.Priority, t.Deadline.Sub(t.Arrived))
	}
	if x.Err == nil {
		line += fmt.Sprintf(" sum=%v", t.Outputs[0].Data[:4])
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = append(r.seen, line)
}

// Whatever reaches a model is told once, with all that it was, also what is refused before or while it is decoded.
func TestListeners(t *testing.T) {
	for _, workers := range []bool{false, true} {
		model := simpleModel()
		var shed atomic.Bool
		model.admit = func() error {
			if shed.Load() {
				return fault.New(fault.Overloaded, "the queue is full")
			}
			return nil
		}
		var r recorded
		e := serve(t, newFakeModels(model), func(o *setup) {
			o.Core.Ended, o.Core.KeepBody = []gateway.Listener{{Name: "test", Ended: r.ended}}, func(*gateway.Exchange) bool { return true }
			if !workers {
				o.Workers, o.Run = 0, nil
			}
		})
		two := "{" + inputs(input("INPUT0", "INT32", "[2,16]", `"data":[`+sixteen+","+sixteen+`]`), input("INPUT1", "INT32", "[2,16]", `"data":[`+sixteen+","+sixteen+`]`)) + "}"
		bad := "{" + inputs(intInput("INPUT0")) + "}"
		ended := 0
		ask := func(raw string) {
			e.send(raw)
			ended++
			e.eventually("the prediction has ended", func() bool {
				r.mu.Lock()
				defer r.mu.Unlock()
				return len(r.seen) == ended
			})
		}
		ask(post(simpleInfer, two, "Content-Type: application/json", "Sluice-Budget-Ms: 250"))
		body, headers := binarySimple()
		length := headers["Inference-Header-Content-Length"]
		ask(post(simpleInfer, body, "Inference-Header-Content-Length: "+length))
		ask(post(simpleInfer, bad))
		e.send(post("/v2/models/nope/infer", two))
		e.send(get("/v2"))
		shed.Store(true)
		ask(post(simpleInfer, two))
		ask(post("/v1/models/simple:predict", two))
		r.mu.Lock()
		want := []string{
			fmt.Sprintf(`simple decoded=true v1=false body=%d type="application/json" coding="" header=-1 arrived=true rows=2 shape=[2 16] priority=%d budget=%v sum=[2 0 0 0]`, len(two), task.Normal, 250*time.Millisecond),
			fmt.Sprintf(`simple decoded=true v1=false body=%d type="" coding="" header=%s arrived=true rows=1 shape=[1 16] priority=%d budget=%v sum=[8 0 0 0]`, len(body), length, task.Normal, 10*time.Second),
			fmt.Sprintf(`simple decoded=false v1=false body=%d type="" coding="" header=-1 arrived=true`, len(bad)),
			fmt.Sprintf(`simple decoded=false v1=false body=%d type="" coding="" header=-1 arrived=true`, len(two)),
			fmt.Sprintf(`simple decoded=false v1=true body=%d type="" coding="" header=-1 arrived=true`, len(two)),
		}
		if !slices.Equal(r.seen, want) {
			t.Errorf("event loops %v:\n got %s\nwant %s", workers, strings.Join(r.seen, "\n     "), strings.Join(want, "\n     "))
		}
		r.mu.Unlock()
	}
}
