package gates

import (
	"testing"

	"sluice/internal/tensor"
	"sluice/models/bundle"
)

func TestMayCompare(t *testing.T) {
	f := func(b bundle.Batching, maxBatch int, padded, want bool) {
		t.Helper()
		s := &tensor.Schema{MaxBatch: maxBatch}
		if padded {
			s.Padding = &tensor.Padding{}
		}
		p := &bundlePass{bundle: &bundle.Bundle{Schema: s}, batching: b}
		if got := p.mayCompare(); got != want {
			t.Errorf("%+v, %d rows, padded %v: %v, want %v", b, maxBatch, padded, got, want)
		}
	}
	f(bundle.Batching{}, 64, false, true)
	f(bundle.Batching{Mode: bundle.Batched, Basis: bundle.Unshown}, 64, false, true)
	f(bundle.Batching{Mode: bundle.Batched, Basis: bundle.Proven}, 64, false, true)
	f(bundle.Batching{Mode: bundle.Batched, Basis: bundle.Proven}, 64, true, true)
	f(bundle.Batching{Basis: bundle.Unshown}, 1, false, false)
	f(bundle.Batching{Mode: bundle.Coupled}, 64, true, false)
	f(bundle.Batching{Mode: bundle.RowByRow}, 64, false, false)
	f(bundle.Batching{Mode: bundle.Single}, 0, false, false)
}
