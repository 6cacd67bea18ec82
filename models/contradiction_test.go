package models

import (
	"context"
	"strings"
	"testing"

	"sluice/models/bundle"
)

// TestContradiction has the graph prove what a test refutes.
func TestContradiction(t *testing.T) {
	f := func(file fakeFile, mode bundle.BatchMode, text string) {
		t.Helper()
		w := newWorld(t)
		b := w.put(t, "m/1", file)
		opts := w.options()
		opts.Inspect = func(b *bundle.Bundle) (*bundle.Graph, error) {
			g, err := inspectFake(b)
			if err == nil {
				g.Independence = &bundle.Independence{Shown: bundle.ShownApart, Outputs: []bundle.OutputRows{{RowToRow: true}}}
			}
			return g, err
		}
		report, err := Check(context.Background(), opts, b)
		if err != nil || report.Batching.Mode != mode || !strings.Contains(report.Batching.Text, text) {
			t.Errorf("%+v, %v; want %s with %q", report.Batching, err, mode, text)
		}
	}
	f(fakeFile{Factor: 2}, bundle.Batched, "proven by the graph")
	f(fakeFile{Factor: 2, Coupled: true}, bundle.Single, "the graph proves the opposite")
	f(fakeFile{Factor: 2, FailAbove: 4}, bundle.RowByRow, "a batch of 64 rows fails where each row alone runs")
	f(fakeFile{FailRun: true}, bundle.Batched, "no test of it says anything: the model takes no made-up row")
}
