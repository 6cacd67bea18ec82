package serve

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"testing"

	"sluice/gateway"
	"sluice/internal/fault"
	"sluice/internal/trace"
	"sluice/internal/trace/record"
)

// The trace tells of each request which version had it, which request it was, and what came of it, in the words
// of the prediction log.
func TestExchangesBecomeArrivals(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.jsonl")
	r, err := record.Start(record.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	put := func(id string, change func(o *gateway.Outcome)) {
		x := ended(id)
		change(&x.Outcome)
		arrivals{r}.ended(x)
	}
	put("plain", func(*gateway.Outcome) {})
	put("late", func(o *gateway.Outcome) { o.Late = true })
	put("overran", func(o *gateway.Outcome) { o.Overran = true })
	for _, k := range []fault.Kind{fault.Overloaded, fault.ClientClosed, fault.Internal, fault.DeadlineExceeded} {
		put(k.Code(), func(o *gateway.Outcome) { o.Fault = k })
	}
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	f, err := trace.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var got []string
	for a := (trace.Arrival{}); ; {
		if err := f.Next(&a); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%s %s %s %s %v", a.Model, a.Version, a.ID, a.Status, a.Late))
	}
	want := []string{
		"m 2 plain OK false", "m 2 late OK true", "m 2 overran OK true", "m 2 OVERLOADED OVERLOADED false", "m 2 CLIENT_CLOSED CLIENT_CLOSED false",
		"m 2 INTERNAL INTERNAL false", "m 2 DEADLINE_EXCEEDED DEADLINE_EXCEEDED false",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the trace has %q, want %q", got, want)
	}
}
