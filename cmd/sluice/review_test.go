package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sluice/models/bundle"
	"sluice/models/review"
)

// biasedRanker puts a version of ranker into a folder with another last bias, without golden rows, and with the server's max_batch.
func biasedRanker(t *testing.T, dir, version string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(examples, "ranker", "1", bundle.ModelFile))
	if err != nil {
		t.Fatal(err)
	}
	name := []byte("mlp.6.bias\x4a\x04") // the initialiser's name, and the head of its four raw bytes
	at := bytes.Index(data, name) + len(name)
	if bytes.Count(data, name) != 1 {
		t.Fatal("ranker has no such bias")
	}
	bias := math.Float32frombits(binary.LittleEndian.Uint32(data[at:]))
	binary.LittleEndian.PutUint32(data[at:], math.Float32bits(bias+0.5))
	staged := filepath.Join(t.TempDir(), version)
	if err := os.Mkdir(staged, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(staged, bundle.ModelFile), data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(staged, filepath.Join(dir, "ranker", version)); err != nil {
		t.Fatal(err)
	}
}

// What a changed weight, and a setting that falls back, look like to whoever is about to promote them; and that files which
// change under a loaded version are found.
func TestDiffAndVerify(t *testing.T) {
	dir := t.TempDir()
	copyBundle(t, "ranker", dir, "1")
	g := startGateway(t, "--models", dir, "--model-defaults-promote", "manual")
	biasedRanker(t, dir, "2")
	eventually(t, "version 2 is a candidate", func() bool {
		out, _ := command(t, "models", "list", "--admin", g.Admin)
		return strings.Contains(strings.Join(strings.Fields(out), " "), "ranker 2 READY candidate")
	})
	ask := func(into any, args ...string) {
		t.Helper()
		out, stderr, status := runWith(t, nil, append(append([]string{"models"}, args...), "--admin", g.Admin)...)
		if err := json.Unmarshal([]byte(out), into); status != 0 || err != nil {
			t.Fatalf("%v: status %d, %v, %s %s", args, status, err, out, stderr)
		}
	}
	var d review.Diff
	ask(&d, "diff", "ranker", "1", "2", "--json")
	rows := 0
	for _, line := range golden(t, "ranker") {
		rows += line.Response.Outputs[0].Shape[0]
	}
	if d.Schema.Client != review.SchemaEqual || len(d.Operators) > 0 || len(d.Graph) > 0 || len(d.LeftOut) > 0 {
		t.Errorf("schema %q, operators %v, graph %v, left out %q", d.Schema.Client, d.Operators, d.Graph, d.LeftOut)
	}
	if a := d.Golden.Answers; len(a) != 1 || a[0].Of != "1" || a[0].On != "2" || a[0].Rows != rows || a[0].Differ != rows || a[0].Largest == nil || a[0].Largest.Output != "score" || a[0].LeftOut != "" {
		t.Errorf("of %d rows: %+v", rows, a)
	}
	falls := slices.IndexFunc(d.Settings, func(s review.Setting) bool { return s.Key == "max_batch" })
	if falls < 0 || d.Settings[falls] != (review.Setting{Key: "max_batch", From: review.Value{Value: "256", Origin: "model.yaml"}, To: review.Value{Value: "64", Origin: "default"}, FallsBack: true}) {
		t.Errorf("the settings are %+v", d.Settings)
	}
	if len(d.Devices) != 1 || len(d.Devices[0].Costs) == 0 || d.From.Role != "live" || d.To.Role != "candidate" {
		t.Errorf("devices %+v, roles %q and %q", d.Devices, d.From.Role, d.To.Role)
	}
	out, status := command(t, "models", "diff", "ranker", "1", "2", "--admin", g.Admin)
	if status != 0 || !strings.Contains(out, "client schema equal\n") || !strings.Contains(out, "model.onnx changed, 2.1 MiB -> 2.1 MiB\n") || !strings.Contains(out, "max_batch: 256 (model.yaml) -> 64 (default), FALLS BACK\n") {
		t.Errorf("status %d:\n%s", status, out)
	}
	if out, status := command(t, "models", "diff", "ranker", "1", "7", "--admin", g.Admin); status != 1 || !strings.Contains(out, "'ranker' has no version 7; its versions: '2', '1'") {
		t.Errorf("status %d: %s", status, out)
	}
	if out, status := command(t, "models", "diff", "ranker", "1", "--admin", g.Admin); status != 2 || !strings.Contains(out, "takes MODEL and A and B") {
		t.Errorf("status %d: %s", status, out)
	}

	var files []review.Files
	if ask(&files, "verify", "--json"); len(files) != 2 || files[0].Outcome != review.Unchanged || !files[0].Pinned || !files[0].Golden || files[1].Outcome != review.Unchanged || files[1].Golden {
		t.Errorf("the files are %+v", files)
	}
	path := filepath.Join(dir, "ranker", "2", bundle.ModelFile)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)-1] ^= 1
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	out, status = command(t, "models", "verify", "ranker", "--admin", g.Admin)
	fields := strings.Fields(out)
	if want := "ranker 1 ok " + files[0].Proven[:12] + " ranker 2 CHANGED on disk"; status != 1 || !strings.HasPrefix(strings.Join(fields, " "), want) ||
		!strings.Contains(out, "served "+files[1].Proven[:12]+": model.onnx has other bytes\n") || !strings.Contains(out, "sluice: 1 of 2 versions have other files than those that were proven\n") {
		t.Errorf("status %d: %s", status, out)
	}
	if out, status := command(t, "models", "verify", "ranker", "1", "--admin", g.Admin); status != 0 {
		t.Errorf("status %d: %s", status, out)
	}
}
