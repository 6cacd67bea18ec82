package engine

import (
	"io"
	"testing"
	"time"

	"sluice/loadtest/sample"
)

// An engine that must not spin sends all the same, and never looks at the clock in a loop; the
// other one does so before each of its requests.
func TestNoSpin(t *testing.T) {
	addr := serve(t, func(w io.Writer, _ int64, id string, body []byte) bool { return ok(w, id+" "+string(body)) })
	for _, still := range []bool{true, false} {
		e := run(t, Options{Targets: []Target{{Addr: addr, Payloads: payloads(2)}}, Arrivals: every(100, time.Millisecond, 2), NoSpin: still})
		if n := counts(t, e); n[sample.OK] != 100 {
			t.Errorf("without spinning %v: %d of 100 were answered", still, n[sample.OK])
		}
		if got := e.Progress().Looking; (got == 0) != still {
			t.Errorf("without spinning %v: looked for %v", still, got)
		}
	}
}
