package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluice/gateway/http/admin"
	"sluice/internal/unit"
	"sluice/predlog/table"
)

// The model of the week, as docs/versions.md tells it: version 2 of the ranker comes, has a share, is live, and goes. Answers,
// history and prediction log tell the same story, with the names of those who changed something.
func TestModelOfTheWeek(t *testing.T) {
	needLibrary(t)
	dir, log := t.TempDir(), filepath.Join(t.TempDir(), "predictions")
	ranker := filepath.Join(dir, "models", "ranker")
	if err := os.CopyFS(filepath.Join(ranker, "1"), os.DirFS(filepath.Join(examples, "ranker", "1"))); err != nil {
		t.Fatal(err)
	}
	file := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	alice, bob := file("alice", strings.Repeat("a", 32)), file("bob", strings.Repeat("b", 32))
	g := startGateway(t, "--models", filepath.Dir(ranker), "--model-defaults-promote", "manual", "--state", filepath.Join(dir, "state"),
		"--admin-tokens-file", file("tokens", "alice operate "+strings.Repeat("a", 32)+"\nbob read "+strings.Repeat("b", 32)+"\n"),
		"--prediction-log-dir", log, "--prediction-log-sample", "1", "--prediction-log-index", "all")
	models := func(who string, args ...string) (string, int) {
		t.Helper()
		return command(t, append(append([]string{"models"}, args...), "--admin", g.Admin, "--admin-token-file", who)...)
	}
	change := func(args ...string) {
		t.Helper()
		if out, status := models(alice, args...); status != 0 {
			t.Fatalf("%q: status %d, %s", args, status, out)
		}
	}
	roles := func(want ...string) bool {
		t.Helper()
		out, _ := models(bob, "list")
		text := strings.Join(strings.Fields(out), " ")
		for _, w := range want {
			if !strings.Contains(text, w) {
				return false
			}
		}
		return true
	}

	// Each phase asks for the same units. The answers of a version are the same in all phases, and those of the versions differ.
	type asked struct{ version, role, exposure string }
	said, scores := map[string]asked{}, map[string]string{}
	request := golden(t, "ranker")[0].Request
	phase := func(name, live string, share float64) {
		t.Helper()
		canary := 0
		for i := range 40 {
			id, user := fmt.Sprint(name, "-", i), fmt.Sprint("user-", i)
			want := asked{version: live, role: "live"}
			if share > 0 {
				bucket := unit.Bucket(unit.Hash("ranker", []byte(user)))
				if want.exposure = fmt.Sprintf("bucket=%d;share=%g", bucket, share); bucket < int(share*unit.Buckets) {
					want.version, want.role = "2", "canary"
					canary++
				}
			}
			header, score := g.askWeek(id, user, request)
			got := strings.SplitN(header, ";", 4)
			if exposure := strings.Join(got[3:], ""); got[1] != "version="+want.version || exposure != want.exposure {
				t.Fatalf("%s of %s: %s; want %+v", id, user, header, want)
			}
			if known := scores[want.version]; known != "" && known != score {
				t.Fatalf("version %s answered %s, and before %s", want.version, score, known)
			}
			said[id], scores[want.version] = want, score
		}
		if share > 0 && (canary == 0 || canary == 40) {
			t.Errorf("%d of 40 units went to the canary: the phase shows nothing", canary)
		}
	}

	phase("before", "1", 0)
	putReweighted(t, ranker, "2")
	eventually(t, "version 2 is proven", func() bool { return roles("ranker 1 READY live", "ranker 2 READY candidate") })
	phase("candidate", "1", 0)

	if out, status := models(bob, "canary", "ranker", "2", "10%"); status != 1 || !strings.Contains(out, "the token of 'bob' may look and not change anything") {
		t.Errorf("bob: status %d, %s", status, out)
	}
	if out, status := command(t, "models", "list", "--admin", g.Admin); status != 1 || !strings.Contains(out, "name a file with yours with --admin-token-file") {
		t.Errorf("without a token: status %d, %s", status, out)
	}
	if out, status := models(file("carol", "unknown"), "list"); status != 1 || !strings.Contains(out, "does not know the token of --admin-token-file") {
		t.Errorf("a token that nobody has: status %d, %s", status, out)
	}
	change("canary", "ranker", "2", "10%", "--reason", "the model of the week")
	const line = `"version":"2","share":0.1,"reason":"the model of the week"`
	eventually(t, "the server's log has "+line, func() bool { return strings.Contains(g.Log(), line) })
	if !roles("ranker 1 READY live", "ranker 2 READY canary 10%") {
		t.Error("version 2 is no canary")
	}
	phase("canary", "1", 0.1)
	change("promote", "ranker", "2", "--reason", "its units buy more")
	if !roles("ranker 1 READY previous", "ranker 2 READY live") {
		t.Error("version 2 is not live")
	}
	phase("promoted", "2", 0)
	change("rollback", "ranker", "--reason", "new stores score too high")
	if !roles("ranker 1 READY live", "ranker 2 UNLOADED rejected") {
		t.Error("version 1 is not live again")
	}
	phase("after", "1", 0)
	find := func(id string, more ...string) (string, int) {
		return command(t, append([]string{"log", "find", id, "--dir", log}, more...)...)
	}
	if out, status := find("after-39"); status != 0 {
		t.Errorf("log find of what was answered just now: status %d, %s", status, out)
	}
	if scores["1"] == scores["2"] {
		t.Errorf("both versions answer %s", scores["1"])
	}

	out, _ := models(bob, "history", "ranker", "--json")
	var history []admin.Change
	if err := json.Unmarshal([]byte(out), &history); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var story []string
	for _, c := range history {
		story = append(story, strings.TrimSpace(fmt.Sprintf("%s %s %s %g from %s: %s", c.Who, c.Action, c.Version, c.Share, c.From, c.Reason)))
	}
	if got, want := strings.Join(story, "\n"), strings.Join([]string{
		"alice rollback 1 0 from 2: new stores score too high",
		"alice promote 2 0 from 1: its units buy more; ends the canary",
		"alice canary 2 0.1 from 1: the model of the week",
		"sluice promote 1 0 from : the newest version that passed the load gates",
	}, "\n"); got != want {
		t.Errorf("the history is\n%s\nwant\n%s", got, want)
	}

	// The log that is being written knows all of it.
	for id, want := range said {
		if !strings.HasSuffix(id, "-2") && !strings.HasSuffix(id, "-1") { // one unit within the share, and one outside
			continue
		}
		out, _ := find(id, "--json")
		var r table.Row
		if err := json.Unmarshal([]byte(out), &r); err != nil {
			t.Fatalf("%s: %v: %s", id, err, out)
		}
		got := asked{version: r.Version}
		if r.Role != nil {
			got.role = *r.Role
		}
		if r.Exposure != nil {
			got.exposure = *r.Exposure
		}
		if got != want {
			t.Errorf("the log has of %s: %+v, the answer said %+v", id, got, want)
		}
	}
	for id, want := range map[string]string{
		"before-2": "answered by ranker version 1\n", "canary-2": "answered by ranker version 2\n",
		"promoted-1": "answered by ranker version 2\n", "after-1": "answered by ranker version 1\n",
	} {
		if out, status := find(id); status != 0 || !strings.Contains(out, want) {
			t.Errorf("log find %s: status %d, %s; want %s", id, status, out, want)
		}
	}
}

// askWeek sends a request of a unit, and returns what the answer says of its model, and its tensors.
func (g *running) askWeek(id, user string, request []byte) (header, outputs string) {
	g.t.Helper()
	r, err := http.NewRequest(http.MethodPost, g.predict+"/v2/models/ranker/infer", bytes.NewReader(request))
	if err != nil {
		g.t.Fatal(err)
	}
	for name, value := range map[string]string{"X-Request-Id": id, "Sluice-Unit": user, "Sluice-Budget-Ms": "20000"} {
		r.Header.Set(name, value)
	}
	answer, err := http.DefaultClient.Do(r)
	status, text := read(answer, err)
	if status != http.StatusOK {
		g.t.Fatalf("%s: %d, %s", id, status, text)
	}
	_, outputs, _ = strings.Cut(text, `"outputs":`)
	return answer.Header.Get("Sluice-Model"), outputs
}

// putReweighted puts a version of the ranker into its folder whose last bias is another number, and that has no golden rows.
func putReweighted(t *testing.T, ranker, version string) {
	t.Helper()
	model, err := os.ReadFile(filepath.Join(ranker, "1", "model.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	bias := []byte("\x42\x0amlp.6.bias\x4a\x04") // the tensor's name and the length of its numbers, as protobuf has them
	at := bytes.Index(model, bias) + len(bias)
	if bytes.Count(model, bias) != 1 {
		t.Fatal("the ranker's file has no tensor mlp.6.bias of one number")
	}
	binary.LittleEndian.PutUint32(model[at:], math.Float32bits(0.25))
	folder := filepath.Join(ranker, ".coming")
	for _, err := range []error{
		os.Mkdir(folder, 0o755), os.WriteFile(filepath.Join(folder, "model.onnx"), model, 0o644),
		os.WriteFile(filepath.Join(folder, "model.yaml"), []byte("max_batch: 256\n"), 0o644), os.Rename(folder, filepath.Join(ranker, version)),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
}
