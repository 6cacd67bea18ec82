package httpfront

import (
	"bufio"
	"io"
	"sync"
	"testing"
	"time"
)

// An answer that is ready in time and written after its deadline is counted, on event loops and on
// goroutines alike; the next one on the connection is not.
func TestOverrunsAreCounted(t *testing.T) {
	late := sync.OnceFunc(func() { time.Sleep(100 * time.Millisecond) }) // the budget of the first
	e := serve(t, fixtures(), func(o *setup) { o.Observer.(*recorder).answered = late })
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
	overran := 0
	for _, o := range e.outcomes(2) {
		if o.Late {
			t.Error("the answer was ready after its deadline")
		}
		if o.Overran {
			overran++
		}
	}
	if overran != 1 {
		t.Errorf("%d answers overran their deadlines, want 1", overran)
	}
}
