package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/internal/task"
	"sluice/internal/trace"
)

func readTrace(t *testing.T, path string) (all []trace.Arrival) {
	t.Helper()
	f, err := trace.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if age := time.Since(f.Header.Start); age < 0 || age > time.Hour || f.Header.Clock != "monotonic" {
		t.Errorf("the trace's header is %+v", f.Header)
	}
	for {
		var a trace.Arrival
		err := f.Next(&a)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, a)
	}
}

// send posts a request with headers, each "Name: value".
func (g *running) send(path, body string, headers ...string) int {
	g.t.Helper()
	r, err := http.NewRequest(http.MethodPost, g.predict+path, strings.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	status, _ := read(http.DefaultClient.Do(r))
	return status
}

// rows is how many rows a request has, and the shape of its first input.
func recordedRows(t *testing.T, request []byte) (n int, shape []int64) {
	t.Helper()
	var r struct{ Inputs []struct{ Shape []int64 } }
	if err := json.Unmarshal(request, &r); err != nil {
		t.Fatal(err)
	}
	return int(r.Inputs[0].Shape[0]), r.Inputs[0].Shape
}

// What was sent is in the trace after SIGTERM, in order, and the bodies beside it.
func TestRecordedArrivals(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "morning.jsonl.gz")
	g := startGateway(t, "--models", examples, "--record", path, "--record-payloads", "--scheduler-budget", "10s")
	type sent struct {
		model, id, body string
		rows            int
		shape           []int64
	}
	var all []sent
	before := time.Now()
	for _, model := range []string{"digits", "ranker", "eta"} {
		for _, row := range golden(t, model) {
			n, shape := recordedRows(t, row.Request)
			id := fmt.Sprintf(`%s-%d-"\`, model, len(all))
			all = append(all, sent{model, id, string(row.Request), n, shape})
			if status := g.send("/v2/models/"+model+"/infer", string(row.Request), "Content-Type: application/json", "X-Request-Id: "+id); status != http.StatusOK {
				t.Fatalf("%s: status %d", model, status)
			}
		}
	}
	request := string(golden(t, "eta")[0].Request)
	if status := g.send("/v2/models/eta/infer", request, "Sluice-Budget-Ms: 777"); status != http.StatusOK {
		t.Fatalf("status %d", status)
	}
	after := time.Now()
	const bad = `{"inputs":[{"name":"nope","datatype":"FP32","shape":[3,2],"data":[1,2,3,4,5,6]}]}`
	if status := g.send("/v2/models/eta/infer", bad); status != http.StatusBadRequest {
		t.Fatalf("status %d", status)
	}
	g.send("/v2/models/none/infer", bad) // it reaches no model
	if _, metrics := g.get(g.admin + "/metrics"); !strings.Contains(metrics, "sluice_record_active 1\n") || !strings.Contains(metrics, "sluice_record_dropped_total 0\n") {
		t.Error("the metrics do not tell of the recording")
	}
	g.stop()

	start, offset := firstRecorded(t, path)
	if offset != 0 || start.Before(before) || start.After(after) {
		t.Errorf("the first arrival is %v after %v, want 0 after a time between %v and %v", offset, start, before, after)
	}
	got := readTrace(t, path)
	if len(got) != len(all)+2 {
		t.Fatalf("%d arrivals, want %d", len(got), len(all)+2)
	}
	if !slices.IsSortedFunc(got, func(a, b trace.Arrival) int { return int(a.At - b.At) }) || got[0].At != 0 {
		t.Error("the arrivals are not in order of time")
	}
	payloads, err := trace.LoadPayloads(path, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range all {
		a, p := got[i], payloads[got[i].Payload]
		if a.Version != "1" || a.ID != want.id || a.Status != trace.OK || a.Late {
			t.Errorf("arrival %d was answered as %+v, want %s", i, a, want.id)
		}
		if a.Model != want.model || a.Rows != want.rows || !slices.Equal(a.Shape, want.shape) || a.Budget != 0 || a.Bytes <= 0 || a.Priority != task.Normal {
			t.Errorf("arrival %d is %+v, want %.80v", i, a, want)
		}
		if p == nil || string(p.Body) != want.body || p.Protocol != "v2" || p.Type != "application/json" || p.Header != -1 {
			t.Errorf("arrival %d has the payload %.80v", i, p)
		}
	}
	if a := got[len(all)]; a.Budget != 777*time.Millisecond || string(payloads[a.Payload].Body) != request {
		t.Errorf("with a budget: %+v", a)
	}
	if a := got[len(all)+1]; a.Model != "eta" || a.Version != "1" || a.Status != "UNKNOWN_INPUT" || len(a.ID) != 32 || a.Rows != 3 || !slices.Equal(a.Shape, []int64{3, 2}) || string(payloads[a.Payload].Body) != bad {
		t.Errorf("refused: %+v", a)
	}
	if n := strings.Count(g.Log(), `"recording has ended"`); n != 1 {
		t.Errorf("%d lines tell of the end:\n%s", n, g.Log())
	}

	// The planner reads what was recorded, and a trace with an idle hour before the first request, as servers wrote
	// them in version 1, is the same to it.
	plan := []string{"plan", "--cost", planCost, "--budget", "20ms", "--warmup", "0s", "--trace"}
	idle := inVersion1(t, got, time.Hour)
	out, status := command(t, append(plan, path)...)
	if status != 0 || !strings.Contains(out, "goodput") {
		t.Errorf("sluice plan: status %d, %s", status, out)
	}
	if again, _ := command(t, append(plan, idle)...); again != out {
		t.Errorf("with an idle hour before it, sluice plan says\n%s\nand without\n%s", again, out)
	}
	rate := func(path string) (rate string) {
		out, _ := command(t, "loadtest", "fit", path)
		for line := range strings.Lines(out) {
			if strings.HasPrefix(line, "arrivals ") || strings.HasPrefix(line, "rate ") || strings.HasPrefix(line, "gaps ") {
				rate += line
			}
		}
		return rate
	}
	if now, was := rate(path), rate(idle); now != was || strings.Count(now, "\n") != 3 {
		t.Errorf("with an idle hour before it, sluice loadtest fit says\n%s\nand without\n%s", was, now)
	}
	if out, _ := command(t, "loadtest", "fit", path); !strings.Contains(out, "eta/1 ") || !strings.Contains(out, "UNKNOWN_INPUT ") || !strings.Contains(out, "; 0 late") {
		t.Errorf("sluice loadtest fit does not tell what came of the requests:\n%s", out)
	}
}

// firstRecorded is the header's time, and the offset of the first arrival as it stands in the file.
func firstRecorded(t *testing.T, path string) (time.Time, time.Duration) {
	t.Helper()
	f, err := trace.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var a trace.Arrival
	if err := f.Source.Next(&a); err != nil {
		t.Fatal(err)
	}
	return f.Header.Start, a.At
}

// inVersion1 writes arrivals as a trace of version 1, with nothing for some time before them.
func inVersion1(t *testing.T, all []trace.Arrival, idle time.Duration) string {
	t.Helper()
	var b strings.Builder
	b.WriteString(`{"sluice_trace":1,"clock":"monotonic"}` + "\n")
	for _, a := range all {
		fmt.Fprintf(&b, `{"t_ns":%d,"model":"%s","rows":%d,"budget_ns":%d,"bytes":%d}`+"\n", a.At+idle, a.Model, a.Rows, a.Budget, a.Bytes)
	}
	path := filepath.Join(t.TempDir(), "idle.jsonl")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A limit ends recording and nothing else.
func TestRecordingEndsAtItsLimit(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.jsonl")
	g := startGateway(t, "--models", onlyEta(t), "--record", path, "--record-max-bytes", "64KiB")
	request := golden(t, "eta")[0].Request
	l := startBarrage(g, "eta", request)
	eventually(t, "recording has ended", func() bool { return strings.Contains(g.Log(), "record.max_bytes") })
	before := l.seen[http.StatusOK].Load()
	eventually(t, "requests go on", func() bool { return l.seen[http.StatusOK].Load() > before+100 })
	answered(t, l.stop())
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if all := readTrace(t, path); info.Size() > 64<<10 || len(all) < 300 {
		t.Errorf("%d arrivals in %d bytes", len(all), info.Size())
	}
	if _, metrics := g.get(g.admin + "/metrics"); !strings.Contains(metrics, "sluice_record_active 0\n") {
		t.Error("the metrics say that recording goes on")
	}
	if n := strings.Count(g.Log(), "recording has"); n != 1 {
		t.Errorf("%d lines tell of the end", n)
	}
}

func TestFullDiskCostsTheTraceAlone(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("there is no /dev/full")
	}
	g := startGateway(t, "--models", onlyEta(t), "--record", "/dev/full", "--scheduler-budget", "10s")
	request := string(golden(t, "eta")[0].Request)
	f := func() {
		t.Helper()
		if status := g.send("/v2/models/eta/infer", request); status != http.StatusOK {
			t.Errorf("status %d", status)
		}
	}
	f()
	eventually(t, "the log tells of the disk", func() bool { return strings.Contains(g.Log(), "no space left") })
	f()
	g.stop()
	if log := g.Log(); strings.Count(log, `"level":"error"`) != 1 || strings.Count(log, "no space left") != 1 {
		t.Errorf("more or less than one line tells of the disk:\n%s", log)
	}
}

func TestRecordingThatCannotBegin(t *testing.T) {
	needLibrary(t)
	for flags, want := range map[string]string{
		"--record /nowhere/a.jsonl":                "--record: record.file: cannot create the trace /nowhere/a.jsonl: no such file or directory: create its folder, or correct the path",
		"--record-payloads":                        "--record-payloads: record.payloads: true is of no use while record.file is empty",
		"--record a.jsonl --record-max-bytes none": `"none" is not a size`,
		"--record a.jsonl --record-payloads=maybe": `"maybe" is neither true nor false`,
	} {
		args := append([]string{"serve", "--models", examples, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"}, strings.Fields(flags)...)
		if out, status := command(t, args...); status != 1 || !strings.Contains(out, want) {
			t.Errorf("%s: status %d, output %s", flags, status, out)
		}
	}
	if out, _ := command(t, "serve", "--help"); !strings.Contains(out, "personal data") {
		t.Errorf("the help does not warn of personal data:\n%s", out)
	}
}
