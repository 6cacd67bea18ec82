package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"sluice/internal/oip/client"
	"sluice/internal/tensor"
	"sluice/predlog"
	"sluice/predlog/table"
)

// logged is every row of a folder's Parquet files, by id.
func logged(t *testing.T, dir string) map[string]table.Row {
	t.Helper()
	all, err := predlog.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]table.Row{}
	for _, f := range all {
		if !f.Table {
			t.Errorf("%s is not converted", f.Path)
			continue
		}
		p, err := table.Open(f.Path)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Rows(func(r *table.Row) error {
			rows[r.ID] = *r
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return rows
}

// sameInputs compares a row's inputs with the JSON of the request that they came in.
func sameInputs(t *testing.T, r *table.Row, request []byte) {
	t.Helper()
	var sent struct {
		Inputs []struct {
			Name, Datatype string
			Shape          []int64
			Data           json.RawMessage
		}
	}
	if err := json.Unmarshal(request, &sent); err != nil {
		t.Fatal(err)
	}
	if len(r.Inputs) != len(sent.Inputs) {
		t.Errorf("%s: %d inputs, want %d", r.ID, len(r.Inputs), len(sent.Inputs))
		return
	}
	for _, in := range sent.Inputs {
		want := tensor.Tensor{Type: tensor.ParseDataType([]byte(in.Datatype)), Shape: in.Shape}
		if err := client.ReadValues(in.Data, &want); err != nil {
			t.Fatal(err)
		}
		found := false
		for i := range r.Inputs {
			got := &r.Inputs[i]
			found = found || got.Name == in.Name && got.Datatype == in.Datatype && fmt.Sprint(got.Shape) == fmt.Sprint(in.Shape) && string(got.Raw) == string(want.Data)
		}
		if !found {
			t.Errorf("%s: input %s is not as it was sent", r.ID, in.Name)
		}
	}
}

// Each request that a gateway was sent is found by its id, with its inputs where it was chosen, while the gateway
// runs and after it has ended; and the numbers agree.
func TestPredictionLog(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "predictions")
	g := startGateway(t, "--models", examples, "--prediction-log-dir", dir, "--prediction-log-sample", "1", "--prediction-log-index", "all",
		"--prediction-log-redact", "nothing=drop")
	requests := map[string][]byte{}
	for _, model := range []string{"digits", "ranker", "eta"} {
		for i, row := range golden(t, model) {
			id := fmt.Sprint(model, "-", i)
			requests[id] = row.Request
			if status := g.send("/v2/models/"+model+"/infer", string(row.Request), "X-Request-Id: "+id, "Sluice-Budget-Ms: 10000"); status != http.StatusOK {
				t.Fatalf("%s: status %d", id, status)
			}
		}
	}
	const bad = `{"inputs":[{"name":"nope","datatype":"FP32","shape":[1],"data":[1]}]}`
	if status := g.send("/v2/models/eta/infer", bad, "X-Request-Id: refused-1"); status != http.StatusBadRequest {
		t.Fatalf("status %d", status)
	}
	g.send("/v2/models/none/infer", bad, "X-Request-Id: nowhere") // it reaches no model
	find := func(id string, want ...string) {
		t.Helper()
		out, status := command(t, "log", "find", id, "--dir", dir)
		if (status == 0) != (len(want) > 0) {
			t.Errorf("%s: status %d, %s", id, status, out)
		}
		for _, w := range want {
			if !strings.Contains(out, w) {
				t.Errorf("%s: %q is not in\n%s", id, w, out)
			}
		}
	}
	n := len(requests) + 1
	eventually(t, "all is written", func() bool {
		_, metrics := g.get(g.admin + "/metrics")
		return strings.Contains(metrics, fmt.Sprintf("sluice_prediction_log_seen_total %d\n", n)) && strings.Contains(metrics, fmt.Sprintf("sluice_prediction_log_written_total %d\n", n))
	})
	find("eta-0", "answered by eta version 1", "ran on   cpu", "weight 1", "input    features FP32", ".spool")
	find("refused-1", "UNKNOWN_INPUT from eta version 1")
	find("nowhere")
	g.stop()

	rows := logged(t, dir)
	if len(rows) != n {
		t.Errorf("%d rows, want %d", len(rows), n)
	}
	for id, request := range requests {
		r := rows[id]
		sameInputs(t, &r, request)
		if r.Status != "OK" || r.Digest == "" || r.Batch < 1 || len(r.Outputs) == 0 || !r.Replayable || r.TotalNS < r.RunNS || r.RunNS <= 0 || r.QueueNS < 0 || r.BudgetNS <= 0 {
			t.Errorf("%s: %+v", id, r)
		}
	}
	if r := rows["refused-1"]; r.Status != "UNKNOWN_INPUT" || r.Replayable || len(r.Inputs) > 0 || r.Rows != 0 {
		t.Errorf("refused: %+v", r)
	}
	find("eta-0", "answered by eta version 1", ".parquet")

	files, err := filepath.Glob(filepath.Join(dir, "*.parquet"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%q, %v", files, err)
	}
	flat := filepath.Join(dir, "flat")
	if out, status := command(t, "log", "flatten", files[0], "--out", flat); status != 0 || !strings.Contains(out, flat) {
		t.Errorf("flatten: status %d, %s", status, out)
	}
	if about, err := os.Stat(flat); err != nil || about.Size() == 0 {
		t.Errorf("%v, %v", about, err)
	}
}

// A sample of nothing with an index has each request without its tensors, and says so.
func TestPredictionLogIndex(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "predictions")
	g := startGateway(t, "--models", onlyEta(t), "--prediction-log-dir", dir, "--prediction-log-sample", "0", "--prediction-log-index", "all",
		"--prediction-log-keep-worst", "0/s", "--prediction-log-keep-refused", "1/s")
	request := string(golden(t, "eta")[0].Request)
	for i := range 20 {
		g.send("/v2/models/eta/infer", request, fmt.Sprint("X-Request-Id: a-", i), "Sluice-Budget-Ms: 10000")
	}
	g.stop()
	rows := logged(t, dir)
	for i := range 20 {
		if r := rows[fmt.Sprint("a-", i)]; r.Status != "OK" || r.Tensors != "not_sampled" || r.Weight != 0 || len(r.Inputs)+len(r.Outputs) > 0 {
			t.Errorf("%d: %+v", i, r)
		}
	}
	out, status := command(t, "log", "find", "a-7", "--dir", dir)
	if status != 0 || !strings.Contains(out, "tensors  not sampled") {
		t.Errorf("status %d, %s", status, out)
	}
	out, status = command(t, "log", "find", "a-7", "--dir", dir, "--json")
	var r table.Row
	if err := json.Unmarshal([]byte(out), &r); status != 0 || err != nil || r.ID != "a-7" || r.Model != "eta" {
		t.Errorf("status %d, %v, %s", status, err, out)
	}
}

// A gateway that is killed has every answer on the disk that is older than a second, and the next one makes
// Parquet files of them.
func TestPredictionLogOfAKilledGateway(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "predictions")
	args := []string{"--models", onlyEta(t), "--prediction-log-dir", dir, "--prediction-log-sample", "1"}
	g := startGateway(t, args...)
	request := string(golden(t, "eta")[0].Request)
	type answered struct {
		id string
		at time.Time
	}
	var all []answered
	for end := time.Now().Add(1500 * time.Millisecond); time.Now().Before(end); {
		id := fmt.Sprint("k-", len(all))
		if status := g.send("/v2/models/eta/infer", request, "X-Request-Id: "+id, "Sluice-Budget-Ms: 10000"); status != http.StatusOK {
			t.Fatalf("status %d", status)
		}
		all = append(all, answered{id, time.Now()})
	}
	killed := time.Now()
	if err := g.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-g.Done()
	g.over = true
	g = startGateway(t, args...)
	g.stop()
	rows := logged(t, dir)
	old := 0
	for _, a := range all {
		if killed.Sub(a.at) < time.Second {
			continue
		}
		if old++; rows[a.id].Model != "eta" || len(rows[a.id].Outputs) == 0 {
			t.Errorf("%s was answered %v before the end, and is lost", a.id, killed.Sub(a.at))
		}
	}
	if old == 0 || len(rows) > len(all) {
		t.Errorf("%d were older than a second; %d rows of %d answers", old, len(rows), len(all))
	}
}

// A full disk changes no answer: requests go on, what is missing is counted, and the log goes on when there is space.
func TestPredictionLogOnAFullDisk(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("a small file system cannot be mounted: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(disk, syscall.MNT_DETACH) })
	dir, ballast := filepath.Join(disk, "predictions"), filepath.Join(disk, "ballast")
	g := startGateway(t, "--models", examples, "--prediction-log-dir", dir, "--prediction-log-sample", "1")
	rows, asked := golden(t, "eta"), 0
	count := func(series string) (n float64) {
		t.Helper()
		n, err := g.Counters("sluice_prediction_log_"+series, "")
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	dropped := func() float64 {
		t.Helper()
		n, err := g.Counters("sluice_prediction_log_dropped_total", `reason="disk"`)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	ask := func(times int) {
		t.Helper()
		for range times {
			row := rows[asked%len(rows)]
			asked++
			res, err := http.Post(g.predict+"/v2/models/eta/infer", "application/json", strings.NewReader(string(row.Request)))
			if err != nil {
				t.Fatal(err)
			}
			var got struct{ Outputs []output }
			err = json.NewDecoder(res.Body).Decode(&got)
			if res.Body.Close(); err != nil || res.StatusCode != http.StatusOK || !alike(got.Outputs[0].Data, row.Response.Outputs[0].Data) {
				t.Fatalf("request %d: status %d, %v, %+v", asked, res.StatusCode, err, got)
			}
		}
	}
	settled := func() {
		t.Helper()
		eventually(t, "nothing waits", func() bool { return count("waiting") == 0 && count("seen_total") == float64(asked) })
	}
	ask(50)
	settled()
	if err := os.WriteFile(ballast, make([]byte, 2<<20), 0o600); err == nil {
		t.Fatal("the disk is not full")
	}
	before := count("written_total")
	ask(300)
	settled()
	if lost := dropped(); lost == 0 || before+300 != count("written_total")+lost {
		t.Errorf("%v records were written before, %v afterwards, and %v are lost", before, count("written_total"), lost)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	before, lost := count("written_total"), dropped()
	ask(50)
	settled()
	if count("written_total") != before+50 || dropped() != lost {
		t.Errorf("there is space: of 50 requests %v are written, and %v are lost", count("written_total")-before, dropped()-lost)
	}
	if n := strings.Count(g.Log(), "the prediction log cannot be written"); n == 0 {
		t.Errorf("%d lines tell of it", n)
	}
}
