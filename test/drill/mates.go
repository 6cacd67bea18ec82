package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sluice/test/rig"
)

// besides runs good questions alone, and then with others among them, and tells of the good ones
// before and after.
func (d *drill) besides(g *rig.Gateway, good, others []rig.Question, chance float64) (alone, beside rig.Sum, all []rig.Record, err error) {
	length := scaled(6 * time.Second)
	records, err := d.goodFor(&rig.Traffic{Addr: rig.To(g.Predict), Rate: 500, Pick: anyOf(good)}, length)
	if err != nil {
		return alone, beside, nil, err
	}
	alone = rig.Tally(records, 0, rig.All, nil)
	all, err = d.goodFor(&rig.Traffic{Addr: rig.To(g.Predict), Rate: 500 / (1 - chance), Pick: mixed(good, others, chance)}, length)
	return alone, rig.Tally(all, 0, rig.All, goodOnes), all, err
}

// badMates is P8.
func (d *drill) badMates() (v verdict, err error) {
	models, good, err := d.perceptron(5)
	if err != nil {
		return v, err
	}
	g, err := d.serve("--models", models)
	if err != nil {
		return v, err
	}
	defer g.Stop(stopLimit) //nolint:errcheck // the figures are in
	if err := rig.Learn(g.Predict, good); err != nil {
		return v, err
	}
	v.held = true
	var parts []string
	for _, chance := range []float64{0.01, 0.1, 0.5} {
		alone, beside, all, err := d.besides(g, good, bad(), chance)
		if err != nil {
			return v, err
		}
		others := rig.Tally(all, 0, rig.All, func(r *rig.Record) bool { return !r.Good })
		v.held = v.held && harmless(beside) && beside.No+beside.Deadline == 0 && others.Bad == others.Sent
		parts = append(parts, fmt.Sprintf("%g %%: %d good ones, %d wrong or failed%s, p99 %s (%s alone); %d of %d bad ones got their 400",
			100*chance, beside.Sent, beside.Sent-beside.OK, example(beside), ms(beside.P99), ms(alone.P99), others.Bad, others.Sent))
	}
	v.figure = strings.Join(parts, "; ")
	return v, nil
}

// poison is P9.
func (d *drill) poison() (v verdict, err error) {
	models, good, err := d.perceptron(5)
	if err != nil {
		return v, err
	}
	g, err := d.serve("--models", models)
	if err != nil {
		return v, err
	}
	defer g.Stop(stopLimit) //nolint:errcheck // the figures are in
	if err := rig.Learn(g.Predict, good); err != nil {
		return v, err
	}
	var rows []rig.Question
	for _, value := range []string{"NaN", "Infinity", "-Infinity", "1e30", "-3e38", "1e-42"} {
		rows = append(rows, rig.Question{
			Model: "small", LeaveAfter: 50 * time.Millisecond,
			Body: fmt.Appendf(nil, `{"inputs":[{"name":"input","datatype":"FP32","shape":[1,16],"data":[%s]}]}`, strings.TrimSuffix(strings.Repeat(value+",", 16), ",")),
		})
	}
	alone, beside, _, err := d.besides(g, good, rows, 0.2)
	if err != nil {
		return v, err
	}
	v.held = harmless(beside) && beside.No+beside.Deadline == 0
	v.figure = fmt.Sprintf("%d good requests: %d wrong or failed%s; p99 %s (%s alone)", beside.Sent, beside.Sent-beside.OK, example(beside), ms(beside.P99), ms(alone.P99))
	return v, nil
}

// failingBatch is P10: the model looks up rows of a table, and a batch with a number beyond it fails.
func (d *drill) failingBatch() (v verdict, err error) {
	model, err := os.ReadFile(filepath.FromSlash("backends/onnx/testdata/gather.onnx"))
	if err != nil {
		return v, err
	}
	dir, err := d.fresh()
	if err != nil {
		return v, err
	}
	if err := os.MkdirAll(filepath.Join(dir, "table", "1"), 0o755); err != nil {
		return v, err
	}
	if err := os.WriteFile(filepath.Join(dir, "table", "1", "model.onnx"), model, 0o644); err != nil {
		return v, err
	}
	g, err := d.serve("--models", dir)
	if err != nil {
		return v, err
	}
	defer g.Stop(stopLimit) //nolint:errcheck // the figures are in
	ask := func(id, want int) rig.Question {
		return rig.Question{
			Model: "table", Want: want, Budget: time.Second,
			Body: fmt.Appendf(nil, `{"inputs":[{"name":"id","datatype":"INT64","shape":[1],"data":[%d]}]}`, id),
		}
	}
	var good []rig.Question
	for id := range 4 {
		good = append(good, ask(id, 0))
	}
	if err := rig.Learn(g.Predict, good); err != nil {
		return v, err
	}
	failing := []rig.Question{ask(1<<40, http.StatusUnprocessableEntity)}
	alone, beside, all, err := d.besides(g, good, failing, 0.05)
	if err != nil {
		return v, err
	}
	failures := rig.Tally(all, 0, rig.All, func(r *rig.Record) bool { return !r.Good })
	v.held = harmless(beside) && beside.No+beside.Deadline == 0 && failures.Bad == failures.Sent
	v.figure = fmt.Sprintf("%d good requests: %d wrong or failed%s; %d of %d bad ones got their 422; p99 %s (%s alone)",
		beside.Sent, beside.Sent-beside.OK, example(beside), failures.Bad, failures.Sent, ms(beside.P99), ms(alone.P99))
	return v, nil
}
