package bundle

import (
	"testing"

	"sluice/internal/tensor"
)

// Faults of what is said of comparisons name the file and the line, also those that the model's outputs show.
func TestComparisonFaults(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		c, err := Sources{Model: []byte(text)}.Decode(testDefaults())
		if err == nil {
			err = c.checkCompared(&tensor.Schema{MaxBatch: 1, Inputs: []tensor.Spec{{Name: "x", Type: tensor.FP32, Shape: []int64{-1}}}, Outputs: []tensor.Spec{{Name: "score", Type: tensor.FP32, Shape: []int64{-1}}}})
		}
		if err == nil || err.Error() != want {
			t.Errorf("%q: %v\nwant %s", text, err, want)
		}
	}
	f("outputs:\n  score: {kind: rank}\n", `../model.yaml line 2: outputs.score: "rank" is no kind of output; the kinds are tensor, embedding, regression, probability, class, ranked`)
	f("outputs: {score: {kin: ranked}}", "../model.yaml line 1: there is no key \"outputs.score.kin\" (did you mean kind?): outputs.score may have kind, threshold, column, shown, tolerance")
	f("criteria: {figure: errors}", "../model.yaml line 1: criteria must be a list, such as [a, b], not a mapping")
	f("criteria:\n- {figure: errors, at_most: few}\n", `../model.yaml line 2: criteria[0].at_most: the limit "few" is no number, no percentage such as 0.2% and no time such as 0.5ms`)
	f("criteria:\n- {figure: errors, at_most: 1%}\n- {output: scores, figure: differs, at_most: 1%}\n", `../model.yaml line 3: criteria[1]: the model has no output "scores"; it has score (did you mean score?)`)
	f("criteria:\n- {output: score, figure: flip, at_most: 1%}\n", `../model.yaml line 2: criteria[0]: "flip" is no figure of regression outputs; there are differs, mismatch, bias, abs_difference`)
	f("shadow: pipelin", `../model.yaml: shadow is "pipelin"; it must be model or pipeline (did you mean pipeline?)`)
	f("criteria:\n- {figure: errors, at_most: 1%}\n- {figure: defaults, at_most: 1%}\n", `../model.yaml line 3: criteria[1]: defaults is known of shadows that fill their inputs themselves: set shadow: pipeline, or take the criterion out`)
	f("segments:\n- y\n", `../model.yaml line 2: segments[0]: the model has no input "y"; it has x`)
}
