package serve

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sluice/gateway"
	"sluice/internal/clock"
	"sluice/internal/fault"
	"sluice/internal/task"
	"sluice/internal/tensor"
	"sluice/predlog"
	"sluice/predlog/table"
)

// named is a model that is only described.
type named struct {
	gateway.Model
	info *gateway.ModelInfo
}

func (m named) Info() *gateway.ModelInfo { return m.info }

// ended is an exchange as a listener gets it: one row, answered.
func ended(id string) *gateway.Exchange {
	spec := func(name string) []tensor.Spec {
		return []tensor.Spec{{Name: name, Type: tensor.Int32, Shape: []int64{-1, 4}, Wire: &tensor.Wire{Shape: []int64{-1, 2, 2}, Own: []int64{-1, 4}}}}
	}
	one := tensor.Tensor{Type: tensor.Int32, Shape: []int64{1, 4}, Data: make([]byte, 16)}
	now := clock.Now()
	t := task.Get()
	t.Rows, t.Inputs, t.Outputs = 1, []tensor.Tensor{one}, []tensor.Tensor{one}
	x := &gateway.Exchange{
		Model: named{info: gateway.NewModelInfo(gateway.ModelInfo{Name: "m", Version: "2", Digest: "d", Schema: &tensor.Schema{MaxBatch: 4, Inputs: spec("x"), Outputs: spec("y")}})},
		ID:    []byte(id), Arrived: now, Task: t, Decoded: true,
	}
	x.Outcome = gateway.Outcome{
		Decode: 1, Encode: 7, Rows: 1, Budget: time.Second, Total: 100,
		Trace: task.Trace{Queued: now, Sealed: now + 2, RunStart: now + 5, RunEnd: now + 9, Done: now + 14, Device: "cpu", Batch: 3},
	}
	return x
}

// Each exchange becomes the record of what happened to it, with shapes as they are on the wire.
func TestAnswersBecomeRecords(t *testing.T) {
	dir := t.TempDir()
	w, err := predlog.Start(predlog.Options{Dir: dir, Keep: [predlog.NumKinds]int{10, 10, 10, 10, 10}, Index: true})
	if err != nil {
		t.Fatal(err)
	}
	a := answers{w}
	put := func(id string, change func(x *gateway.Exchange)) {
		x := ended(id)
		change(x)
		a.ended(x)
	}
	refused := func(k fault.Kind) func(*gateway.Exchange) {
		return func(x *gateway.Exchange) { x.Outcome.Fault, x.Outcome.Budget = k, 0 }
	}
	put("plain", func(x *gateway.Exchange) { x.Outcome.Budget = 0 })
	put("late", func(x *gateway.Exchange) { x.Outcome.Late, x.Outcome.Budget = true, 0 })
	put("overran", func(x *gateway.Exchange) { x.Outcome.Overran, x.Outcome.Budget = true, 0 })
	put("degraded", func(x *gateway.Exchange) { x.Outcome.Trace.Reason, x.Outcome.Budget = "spill", 0 })
	put("defaults", func(x *gateway.Exchange) { x.Filling.Default, x.Outcome.Budget = 1, 0 })
	put("worst", func(*gateway.Exchange) {})
	put("shed", refused(fault.Overloaded))
	put("gone", refused(fault.ClientClosed))
	put("failed", refused(fault.Internal))
	put("expired", refused(fault.DeadlineExceeded))
	put("malformed", func(x *gateway.Exchange) {
		refused(fault.InvalidJSON)(x)
		x.Decoded, x.Outcome.Rows, x.Outcome.Trace = false, 0, task.Trace{Queued: clock.Now()}
	})
	for id, e := range map[string]gateway.Exposure{
		"canary": {Known: true, Hash: 1<<63 + 5, Share: 500, Canary: true}, "no unit": {Share: 500}, "no canary": {Known: true, Hash: 7}, "version": {Named: true},
	} {
		put(id, func(x *gateway.Exchange) { x.Exposure = e })
	}
	if err := w.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	rows := map[string]table.Row{}
	files, err := filepath.Glob(filepath.Join(dir, "*.parquet"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%q, %v", files, err)
	}
	p, err := table.Open(files[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(p.Rows(func(r *table.Row) error {
		rows[r.ID] = *r
		return nil
	}), p.Close()); err != nil {
		t.Fatal(err)
	}
	f := func(id, want string) {
		t.Helper()
		r := rows[id]
		if got := fmt.Sprintf("%s %s %v %d in %d out", r.Status, r.KeptFor, r.Late, len(r.Inputs), len(r.Outputs)); got != want {
			t.Errorf("%s: %s, want %s", id, got, want)
		}
	}
	f("plain", "OK  false 0 in 0 out")
	f("late", "OK late true 1 in 1 out")
	f("overran", "OK late true 1 in 1 out")
	f("degraded", "OK degraded false 1 in 1 out")
	f("defaults", "OK degraded false 1 in 1 out")
	f("worst", "OK worst false 1 in 1 out")
	f("shed", "OVERLOADED refused false 1 in 0 out")
	f("gone", "CLIENT_CLOSED refused false 1 in 0 out")
	f("failed", "INTERNAL failed false 1 in 0 out")
	f("expired", "DEADLINE_EXCEEDED failed false 1 in 0 out")
	f("malformed", "INVALID_JSON refused false 0 in 0 out")
	chosen := func(id, want string) {
		t.Helper()
		r, got := rows[id], ""
		if r.UnitHash != nil {
			got = fmt.Sprint(*r.UnitHash, " ")
		}
		for _, s := range []*string{r.Role, r.Exposure} {
			if s != nil {
				got += *s + " "
			}
		}
		if got != want {
			t.Errorf("%s: its version was chosen so: %q, want %q", id, got, want)
		}
	}
	chosen("canary", "9223372036854775813 canary bucket=5813;share=0.05 ")
	chosen("no unit", "live bucket=none;share=0.05 ")
	chosen("no canary", "7 live ")
	chosen("version", "")
	r := rows["worst"]
	if got, want := fmt.Sprint(r.DecodeNS, r.QueueNS, r.InputNS, r.RunNS, r.OutputNS, r.EncodeNS, r.TotalNS, r.BudgetNS, r.Batch, r.Rows, r.Device, r.Model, r.Version, r.Digest),
		"1 2 3 4 5 7 100 1000000000 3 1cpum2d"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := fmt.Sprint(r.Inputs[0].Shape, r.Outputs[0].Shape); got != "[1 2 2] [1 2 2]" {
		t.Errorf("the shapes are %s", got)
	}
	if r := rows["malformed"]; r.QueueNS != 0 || r.RunNS != 0 || r.Replayable {
		t.Errorf("%+v", r)
	}
}

// A key is read from where the settings say, and a short one is refused.
func TestHashKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	t.Setenv("PREDICTIONS_KEY", "sixteen bytes ok")
	f := func(from, content, want string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg := testConfig(t, t.TempDir())
		cfg.PredictionLog.HashKey = from
		key, err := hashKey(cfg)
		if string(key) != want || (err == nil) != (want != "" || from == "") {
			t.Errorf("%s: %q, %v; want %q", from, key, err, want)
		}
	}
	f("", "", "")
	f("file:"+path, "the whole file\nis the key\n", "the whole file\nis the key\n")
	f("file:"+path, "short", "")
	f("file:"+path+"-2", "", "")
	f("env:PREDICTIONS_KEY", "", "sixteen bytes ok")
	f("env:PREDICTIONS_KEY_2", "", "")
}
