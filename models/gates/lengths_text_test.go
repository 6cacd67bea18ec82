package gates

import (
	"testing"

	"sluice/models/bundle"
)

func TestLengthsText(t *testing.T) {
	f := func(r Report, want string) {
		t.Helper()
		if got := r.lengthsText(); got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
	seq := func(most int64, basis bundle.LengthBasis) []bundle.LengthReport {
		return []bundle.LengthReport{{Axis: "seq", Most: most, Basis: basis}}
	}
	f(Report{}, "")
	f(Report{MaxLength: seq(512, bundle.LengthAsked)}, "max_length: {seq: 512}  # as model.yaml has it")
	f(Report{MaxLength: seq(512, bundle.LengthAsked), RowMemory: 3 << 20, RunMemory: 1 << 30}, "max_length: {seq: 512}  # as model.yaml has it; the longest row takes about 3.0 MiB of the 1024.0 MiB that a run may take")
	f(Report{MaxLength: seq(2048, bundle.LengthMeasured), RowMemory: 300 << 20, RunMemory: 1 << 30}, "max_length: {seq: 2048}  # measured; the longest row takes about 300.0 MiB of the 1024.0 MiB that a run may take")
	f(Report{MaxLength: seq(512, bundle.LengthAssumed)}, "max_length: {seq: 512}  # assumed: no request is known that the model takes, which would show what a row needs; set it, or give golden rows")
	f(Report{MaxLength: []bundle.LengthReport{{Axis: "height", Most: 4096, Basis: bundle.LengthMeasured}, {Axis: "image.3", Most: 8192, Basis: bundle.LengthMeasured}, {Axis: "a b", Most: 7, Basis: bundle.LengthAsked}}, MaxProduct: 1 << 22, RowMemory: 1 << 20, RunMemory: 1 << 30},
		`max_length: {height: 128, image.3: 128, "a b": 7}  # measured: height up to 4096, image.3 up to 8192, a b up to 7, multiplied up to 4194304; the longest row takes about 1.0 MiB of the 1024.0 MiB that a run may take`)
}
