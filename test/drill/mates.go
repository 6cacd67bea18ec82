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
// alone, and of both kinds then.
func besides(g *rig.Gateway, good, others []rig.Question, chance float64) (alone, beside, rest rig.Sum) {
	length := scaled(6 * time.Second)
	alone = total(recordsOf(to(g, 500, good), length))
	all := recordsOf(&rig.Traffic{Addr: rig.To(g.Predict), Rate: 500 / (1 - chance), Pick: mixed(good, others, chance)}, length)
	return alone, totalGood(all), rig.Tally(all, 0, rig.All, func(r *rig.Record) bool { return !r.Good })
}

// badMates is P8.
func (t *trial) badMates() (v verdict) {
	g, good := t.small()
	v.held = true
	var parts []string
	for _, chance := range []float64{0.01, 0.1, 0.5} {
		alone, beside, others := besides(g, good, bad(), chance)
		v.held = v.held && untouched(beside) && others.Bad == others.Sent
		parts = append(parts, fmt.Sprintf("%g %%: %d good ones, %d wrong or failed%s, p99 %s (%s alone); %d of %d bad ones got their 400",
			100*chance, beside.Sent, beside.Sent-beside.OK, example(beside), ms(beside.P99), ms(alone.P99), others.Bad, others.Sent))
	}
	v.figure = strings.Join(parts, "; ")
	return v
}

// poison is P9.
func (t *trial) poison() (v verdict) {
	g, good := t.small()
	var rows []rig.Question
	for _, value := range []string{"NaN", "Infinity", "-Infinity", "1e30", "-3e38", "1e-42"} {
		rows = append(rows, rig.Question{
			Model: "small", LeaveAfter: 50 * time.Millisecond,
			Body: fmt.Appendf(nil, `{"inputs":[{"name":"input","datatype":"FP32","shape":[1,16],"data":[%s]}]}`, strings.TrimSuffix(strings.Repeat(value+",", 16), ",")),
		})
	}
	alone, beside, _ := besides(g, good, rows, 0.2)
	v.held = untouched(beside)
	v.figure = fmt.Sprintf("%d good requests: %d wrong or failed%s; p99 %s (%s alone)", beside.Sent, beside.Sent-beside.OK, example(beside), ms(beside.P99), ms(alone.P99))
	return v
}

// failingBatch is P10: the model looks up rows of a table, and a batch with a number beyond it fails.
func (t *trial) failingBatch() (v verdict) {
	model, err := os.ReadFile(filepath.FromSlash("backends/onnx/testdata/gather.onnx"))
	t.must(err)
	dir := t.fresh()
	t.must(os.MkdirAll(filepath.Join(dir, "table", "1"), 0o755))
	t.must(os.WriteFile(filepath.Join(dir, "table", "1", "model.onnx"), model, 0o644))
	g := t.serve("--models", dir)
	ask := func(id, want int) rig.Question {
		return rig.Question{
			Model: "table", Want: want, Budget: time.Second,
			Body: fmt.Appendf(nil, `{"inputs":[{"name":"id","datatype":"INT64","shape":[1],"data":[%d]}]}`, id),
		}
	}
	good := t.learn(g, []rig.Question{ask(0, 0), ask(1, 0), ask(2, 0), ask(3, 0)})
	alone, beside, failures := besides(g, good, []rig.Question{ask(1<<40, http.StatusUnprocessableEntity)}, 0.05)
	v.held = untouched(beside) && failures.Bad == failures.Sent
	v.figure = fmt.Sprintf("%d good requests: %d wrong or failed%s; %d of %d bad ones got their 422; p99 %s (%s alone)",
		beside.Sent, beside.Sent-beside.OK, example(beside), failures.Bad, failures.Sent, ms(beside.P99), ms(alone.P99))
	return v
}
