package gateway

import (
	"bufio"
	"io"
	"testing"
	"time"

	"sluice/internal/clock"
	"sluice/internal/task"
)

// An answer that is ready in time and written after its deadline is counted, on event loops and on
// goroutines alike; the next one on the connection is not.
func TestOverrunsAreCounted(t *testing.T) {
	models := fixtures()
	late := true
	models.models["simple"].answered = func(t *task.Task) {
		for late && clock.Now() <= t.Deadline {
			time.Sleep(time.Millisecond)
		}
		late = false
	}
	e := serve(t, models, nil)
	c := e.dial()
	in := bufio.NewReader(c)
	for _, raw := range []string{
		post(simpleInfer, simpleBody(""), "Sluice-Budget-Ms: 100"), get("/v2/health/live"),
		post(simpleInfer, simpleBody(""), "Sluice-Budget-Ms: 60000"),
	} {
		if _, err := io.WriteString(c, raw); err != nil {
			t.Fatal(err)
		}
		if a, err := readAnswer(in); err != nil || a.status != 200 {
			t.Fatalf("got %d, %v", a.status, err)
		}
	}
	e.seen.mu.Lock()
	defer e.seen.mu.Unlock()
	for _, o := range e.seen.outcomes {
		if o.Late {
			t.Error("the answer was ready after its deadline")
		}
	}
	if e.seen.overran != 1 {
		t.Errorf("%d answers overran their deadlines, want 1", e.seen.overran)
	}
}
