package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sluice/internal/longtest"
	"sluice/internal/tensor"
	"sluice/loadtest/engine"
	"sluice/loadtest/sample"
	"sluice/predlog/table"
	"sluice/test/rig"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// All phases, in short: what is counted is as promised. What takes time is for a machine that does nothing else.
func TestRollout(t *testing.T) {
	longtest.Skip(t)
	if os.Getenv("SLUICE_ONNXRUNTIME") == "" {
		t.Skip("ONNX Runtime is not here: run scripts/onnxruntime.sh")
	}
	dir := t.TempDir()
	binary, err := rig.Build(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("SLUICE_MODEL_DEFAULTS_WARMUP", "20ms")
	t.Setenv("SLUICE_DRAIN_DELAY", "10ms")
	rows, _, err := try(plan{binary: binary, length: 4 * time.Second, every: 500 * time.Millisecond, rate: 200, rollbacks: 1, units: 200, seed: 1}, dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if !r.held && !r.timed {
			t.Errorf("%s: %s; want %s", r.what, r.measured, r.limit)
		}
	}
	t.Log("\n" + markdown(rows))
}

// row32 is a tensor of a row.
func row32(values ...float64) []tensor.Tensor {
	t := tensor.Tensor{Name: "output", Type: tensor.FP32, Shape: []int64{1, int64(len(values))}}
	for _, v := range values {
		t.Data = tensor.AppendFloat(t.Data, tensor.FP32, v)
	}
	return []tensor.Tensor{t}
}

// two are the answers of two versions to two questions.
func two() *answers {
	return &answers{questions: make([]rig.Question, 2), versions: []*known{
		{name: "1", tag: []byte("small;version=1;digest=a"), outputs: [][]tensor.Tensor{row32(1, 2), row32(3, 4)}},
		{name: "2", tag: []byte("small;version=2;digest=b"), outputs: [][]tensor.Tensor{row32(5, 6), row32(7, 8)}},
	}}
}

// An answer is right if it is one version's, whole, and says so in both places.
func TestCheck(t *testing.T) {
	f := func(question int, tag, version, data, want string) {
		t.Helper()
		c := &checker{answers: two(), right: map[string]int{}}
		got := c.Check(&engine.Answer{
			Variant: question, Head: []byte("HTTP/1.1 200 OK\r\nSluice-Model: " + tag + "\r\n"),
			Body: fmt.Appendf(nil, `{"model_name":"small","model_version":%q,"outputs":[{"name":"output","datatype":"FP32","shape":[1,2],"data":[%s]}]}`, version, data),
		})
		if (got.Kind == engine.Right) != (want == "") || !strings.Contains(c.fault, want) || (want == "") != (c.right[version] == 1) {
			t.Errorf("question %d, %s, version %s, %s: %+v, %q, %v; want %q", question, tag, version, data, got, c.fault, c.right, want)
		}
	}
	f(0, "small;version=1;digest=a", "1", "1,2", "")
	f(1, "small;version=2;digest=b", "2", "7,8.0001", "")
	f(0, "small;version=1;digest=a", "1", "3,4", `that of versions []`) // of the other question
	f(0, "small;version=1;digest=a", "1", "1,6", `that of versions []`) // half of each
	f(0, "small;version=1;digest=a", "1", "5,6", `that of version 2, and its body names "1"`)
	f(0, "small;version=1;digest=a", "2", "5,6", `that of version 2, and Sluice-Model is "small;version=1;digest=a"`)
	f(0, "small;version=2;digest=a", "2", "5,6", `Sluice-Model is "small;version=2;digest=a"`)
	f(0, "", "1", "1,2", `Sluice-Model is ""`)
	f(0, "small;version=1;digest=a;bucket=7;share=0.05", "1", "1,2", `Sluice-Model is "small;version=1;digest=a;bucket=7;share=0.05"`)
	f(0, "small;version=1;digest=a", "1", "1,2,", `JSON`)

	if err := two().distinct(); err != nil {
		t.Error(err)
	}
	alike := two()
	alike.versions[1].outputs[1] = row32(3, 4)
	if err := alike.distinct(); err == nil || !strings.Contains(err.Error(), `question 1 has the same answer of versions ["1" "2"]`) {
		t.Errorf("two versions with the same answer: %v", err)
	}
}

// The version and the header of a unit's answer are those that its bucket and the share say, and the log says the same.
func TestExposures(t *testing.T) {
	const units = 1000
	x := newExposures(units)
	v := map[string]*known{"1": two().versions[0], "2": two().versions[1]}
	for x.step = range shares {
		for i := range units {
			version, exposure := chosen(hashOf(unitOf(i)), x.step)
			tag, err := x.answered(v[version], unitOf(i))
			if want := string(v[version].tag) + ";" + exposure; err != nil || string(tag) != want {
				t.Fatalf("unit %d: %q, %v; want %q", i, tag, err, want)
			}
		}
	}
	if x.moved != 0 {
		t.Errorf("%d moved", x.moved)
	}
	row := func(i, step int) *table.Row {
		hash := hashOf(unitOf(i))
		version, exposure := chosen(hash, step)
		role := map[string]string{"1": "live", "2": "canary"}[version]
		return &table.Row{Version: version, UnitHash: &hash, Exposure: &exposure, Role: &role}
	}
	f := func(change func(r *table.Row), want string) {
		t.Helper()
		r := row(1, 2)
		change(r)
		err := x.agrees(r, x.told)
		if err == nil && want != "" || err != nil && (want == "" || !strings.Contains(err.Error(), want)) {
			t.Errorf("%+v: %v; want %q", r, err, want)
		}
	}
	text := func(s string) *string { return &s }
	f(func(r *table.Row) { *r.UnitHash++ }, "no unit has this hash")
	f(func(r *table.Row) { r.Exposure = text("bucket=none;share=0.25") }, "no share gives the unit that bucket")
	f(func(r *table.Row) { r.Exposure = text(*r.Exposure + "5") }, "no share gives the unit that bucket")
	f(func(r *table.Row) { r.Version = "3" }, "the answer was of version")
	f(func(r *table.Row) { r.Role = text("previous") }, "the answer was of version")
	f(func(r *table.Row) { r.Role = nil }, "the answer was of version")
	f(func(*table.Row) {}, "")
	f(func(*table.Row) {}, "the answer was of version 0") // twice

	// A unit of the canary goes back.
	i := slices.Index(x.told[1], 2)
	if _, err := x.answered(v["1"], unitOf(i)); err == nil || !strings.Contains(err.Error(), "is answered by version 1") || x.moved != 1 {
		t.Errorf("a unit goes back: %v, %d moved", err, x.moved)
	}
}

// Each request has one end.
func TestLedger(t *testing.T) {
	samples := []sample.Sample{
		{Outcome: sample.OK, Status: 200, Intended: 10, Last: 30},
		{Outcome: sample.OK, Status: 200, Intended: 20, Last: 30},
		{Outcome: sample.Wrong, Status: 200, Intended: 15, Last: 30},
		{Outcome: sample.Rejected, Status: http.StatusTooManyRequests},
		{Outcome: sample.Rejected, Status: http.StatusGatewayTimeout},
		{Outcome: sample.ServerError, Status: http.StatusGatewayTimeout},
		{Outcome: sample.Rejected, Status: http.StatusServiceUnavailable},
		{Outcome: sample.Lost},
		{Outcome: sample.Timeout},
		{Outcome: sample.Refused},
	}
	r := &record{samples: samples, wrong: "such"}
	l := r.ledger()
	if got, want := l.String(), "10 requests: 2 right, 1 wrong, 1 429, 2 504, 4 other; such as: such"; got != want || l.errors() != 5 || l.refused() != 0.3 {
		t.Errorf("%s, %d errors, %g refused; want %s", got, l.errors(), l.refused(), want)
	}
	if got := r.latencies(10, 20); len(got) != 1 || got[0] != 20 {
		t.Errorf("latencies: %v", got)
	}
	r = &record{stopped: 9500 * time.Millisecond, samples: []sample.Sample{
		{Outcome: sample.Timeout, Intended: 400 * time.Millisecond}, {Outcome: sample.Timeout, Intended: 600 * time.Millisecond},
	}}
	if got, want := r.ledger().String(), "2 requests: 0 right, 0 wrong, 0 429, 0 504, 1 other, 1 on their way at the end; such as: timeout, status 0, due at 400ms of its stretch of traffic"; got != want {
		t.Errorf("%s; want %s", got, want)
	}
	r = &record{samples: []sample.Sample{{Outcome: sample.Rejected, Status: http.StatusServiceUnavailable, Intended: time.Second}}}
	if got := r.ledger().example; got != "rejected, status 503, due at 1s of its stretch of traffic" {
		t.Errorf("example: %s", got)
	}
}

// A promise is missed where the figures say so.
func TestRowsOfPairs(t *testing.T) {
	pairs := func(change func(with, without *phase)) (all []pair) {
		for i := range 4 {
			p := pair{with: phase{ledger: ledger{sent: 100, right: 100}}, without: phase{ledger: ledger{sent: 100, right: 100}}}
			for range 100 {
				p.with.took = append(p.with.took, time.Millisecond)
				p.without.took = append(p.without.took, time.Millisecond)
			}
			change(&p.with, &p.without)
			p.without.busy += i % 2 // 0.5 % on average, with a standard deviation of 0.577 %
			all = append(all, p)
		}
		return all
	}
	f := func(change func(with, without *phase), right map[string]int, held ...bool) {
		t.Helper()
		all := pairs(change)
		s := &stage{plan: plan{every: 2 * time.Second}}
		rows := append(swapRows(all, right, 3), s.latencyRow(all))
		for i, r := range rows {
			if r.held != held[i] {
				t.Errorf("%s: %s, limit %s: held %v", r.what, r.measured, r.limit, r.held)
			}
		}
	}
	both := map[string]int{"1": 400, "2": 400}
	f(func(_, _ *phase) {}, both, true, true, true, true)
	f(func(with, _ *phase) { with.other = 1 }, both, false, true, true, true)
	f(func(_, without *phase) { without.other = 1 }, both, false, true, true, true)
	f(func(with, _ *phase) { with.wrong = 1 }, both, true, false, true, true)
	f(func(_, _ *phase) {}, map[string]int{"1": 800}, true, false, true, true)
	f(func(with, _ *phase) { with.busy = 1 }, both, true, true, true, true)
	f(func(with, _ *phase) { with.late = 2 }, both, true, true, false, true)
	slow := func(to time.Duration) func(with, _ *phase) {
		return func(with, _ *phase) { with.took[0], with.took[1] = to, to }
	}
	f(slow(1400*time.Microsecond), both, true, true, true, true)
	f(slow(1600*time.Microsecond), both, true, true, true, false)
	f(func(with, _ *phase) { with.took = nil }, both, true, true, true, false)

	steady := (&stage{plan: plan{every: 2 * time.Second}}).latencyRow(pairs(slow(1400 * time.Microsecond)))
	if want := "1.40 times, 95 % interval of 4 pairs of phases 1.40 to 1.40; 1.40 ms of 400 answers against 1.00 ms of 400"; steady.measured != want {
		t.Errorf("measured %s, want %s", steady.measured, want)
	}
}

// The section of a page is replaced, and nothing else.
func TestWritePage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "page.md")
	text := "before\n" + sectionBegins + "old\n" + sectionEnds + "after\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := writePage(path, "So it was.", markdown([]row{{what: "a|b", limit: "1", measured: "2\n3"}, {what: "c", held: true}})); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	want := "So it was.\n\n| Promise | Limit | Measured | Verdict |\n|---|---|---|---|\n| a\\|b | 1 | 2 3 | missed |\n| c |  |  | held |\n" + sectionEnds + "after\n"
	if err != nil || !strings.HasPrefix(string(got), "before\n"+sectionBegins) || !strings.HasSuffix(string(got), want) || strings.Contains(string(got), "old") {
		t.Errorf("%v\n%s\nwant the end\n%s", err, got, want)
	}
	if err := os.WriteFile(path, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := writePage(path, "", ""); err == nil || !strings.Contains(err.Error(), "has no place for the section") {
		t.Errorf("a page without a place: %v", err)
	}
}
