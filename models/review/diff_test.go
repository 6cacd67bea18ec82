package review

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sluice/internal/fault"
	"sluice/internal/onnxgen"
	"sluice/models"
	"sluice/models/bundle"
)

// goldenOf are golden rows of a factor: a request of two rows, and one of one.
func goldenOf(factor float64) string {
	line := func(rows string, x ...float64) string {
		var data, want []string
		for _, v := range x {
			data, want = append(data, fmt.Sprint(v)), append(want, fmt.Sprint(factor*v))
		}
		tensor := func(name string, values []string) string {
			return fmt.Sprintf(`[{"name":%q,"datatype":"FP32","shape":[%s,2],"data":[%s]}]`, name, rows, strings.Join(values, ","))
		}
		return fmt.Sprintf(`{"request":{"inputs":%s},"response":{"outputs":%s}}`, tensor("x", data), tensor("y", want)) + "\n"
	}
	return line("2", 1, 2, 0, 0) + line("1", 10, 4)
}

// compare is the difference of two versions, as a client of the route gets it.
func (w *world) compare(from, to string) *Diff {
	w.Helper()
	found, err := w.review.Diff(w.Context(), "m", from, to)
	if err != nil {
		w.Fatal(err)
	}
	text, err := json.Marshal(found)
	if err != nil {
		w.Fatal(err)
	}
	if strings.Contains(string(text), ":null") && !strings.Contains(string(text), `"from":null`) && !strings.Contains(string(text), `"to":null`) {
		w.Errorf("a list is null: %s", text)
	}
	d := new(Diff)
	if err := json.Unmarshal(text, d); err != nil {
		w.Fatal(err)
	}
	return d
}

func same[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if g, w := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want); g != w {
		t.Errorf("%s:\n got %s\nwant %s", what, g, w)
	}
}

func TestDiff(t *testing.T) {
	w := newWorld(t)
	model := linear(onnxgen.New(17))
	w.put("1", bundle.ModelFile, model, bundle.GoldenFile, goldenOf(2), bundle.ConfigFile, "max_batch: 4\nbudget: 50ms\nlineage: {factor: 2}")
	w.put("2", bundle.ModelFile, linear(onnxgen.New(18).Node("Relu", "z", onnxgen.In("x"))), "notes", "x", bundle.ConfigFile, "max_batch: 8\nlineage: {factor: 2.5}")
	w.start(2)
	for _, version := range []string{"1", "2"} { // whichever was proven first
		if err := w.registry.Promote(t.Context(), "m", version, models.By{}); err != nil {
			t.Fatal(err)
		}
	}
	d := w.compare("1", "2")
	same(t, "sides", []string{d.From.Version + d.From.State + d.From.Role, d.To.Version + d.To.State + d.To.Role}, []string{"1READYprevious", "2READYlive"})
	if len(d.From.Digest) != 64 || len(d.To.Digest) != 64 || d.From.Digest == d.To.Digest || d.From.Bytes < int64(len(model)) {
		t.Errorf("the sides are %+v and %+v", d.From, d.To)
	}
	var files []string
	for i := range d.Files {
		files = append(files, strings.Fields(d.Files[i].words())[0]+" "+strings.TrimSuffix(strings.Fields(d.Files[i].words())[1], ","))
	}
	same(t, "files", files, []string{"golden.jsonl is", "model.onnx changed", "model.yaml changed", "notes is"})
	same(t, "schema", d.Schema.Client, SchemaEqual)
	same(t, "limits", d.Limits, []Change{{"max_batch", "4", "8"}})
	same(t, "graph", d.Graph, []Change{{"opset ai.onnx", "17", "18"}})
	same(t, "operators", d.Operators, []CountChange{{"Relu", 0, 1}})
	if n := len(d.Settings); n != 3 || d.Settings[0].From != (Value{"50ms", "model.yaml"}) || d.Settings[0].To.Origin != "measured" || !d.Settings[0].FallsBack {
		t.Fatalf("the settings are %+v", d.Settings)
	}
	same(t, "settings", d.Settings[1:], []Setting{
		{"max_batch", Value{"4", "model.yaml"}, Value{"8", "model.yaml"}, false},
		{"lineage.factor", Value{"2", "model.yaml"}, Value{"2.5", "model.yaml"}, false},
	})
	if len(d.Devices) != 1 || d.Devices[0].From.State != "placed" || d.Devices[0].To.State != "placed" || len(d.Devices[0].Costs) == 0 {
		t.Fatalf("the devices are %+v", d.Devices)
	}
	for _, c := range d.Devices[0].Costs {
		if c.Rows > 4 || c.From <= 0 || c.To <= 0 || c.Ratio != c.To/c.From {
			t.Errorf("a batch costs %+v", c)
		}
	}
	if len(d.Gates) != 1 || d.Gates[0].Gate != "golden" || d.Gates[0].From.Outcome != "passed" || d.Gates[0].To.Outcome != "skipped" {
		t.Errorf("the gates are %+v", d.Gates)
	}
	if d.Golden.From == nil || *d.Golden.From != (Rows{2, 3}) || d.Golden.To != nil {
		t.Errorf("the golden rows are %+v and %+v", d.Golden.From, d.Golden.To)
	}
	same(t, "left out", d.LeftOut, []string{})
	back := w.compare("2", "1")
	same(t, "back", []any{back.Limits, back.Operators, back.Golden.Answers[0].words()}, []any{[]Change{{"max_batch", "8", "4"}}, []CountChange{{"Relu", 1, 0}}, d.Golden.Answers[0].words()})
	var text strings.Builder
	if err := d.WriteText(&text, 80); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"m: version 1 -> 2\n", "  state         READY, previous -> READY, live\n", "notes is new, 1 bytes\n", "  client schema equal\n", "  operators     Relu: 0 -> 1\n",
		"  settings      budget: 50ms (model.yaml) -> ", "FALLS BACK\n", "  golden rows   3 in 2 requests -> none\n", "  answers       those of 1 on 2: 2 of 3 rows differ; largest difference in\n                output y, line 2, row 0: 25 instead of 20 (difference 5, ",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the text lacks %q:\n%s", want, text.String())
		}
	}
	for line := range strings.Lines(text.String()) {
		if len(line) > 81 {
			t.Errorf("a line of %d: %s", len(line), line)
		}
	}
}

// A version that is the same but for its folder differs in nothing.
func TestDiffOfEqualVersions(t *testing.T) {
	w := newWorld(t)
	for _, version := range []string{"1", "2"} {
		w.put(version, bundle.ModelFile, linear(onnxgen.New(17)), bundle.GoldenFile, goldenOf(2), bundle.ConfigFile, "budget: 1s\nlineage: {factor: 2}")
	}
	w.start(2)
	d := w.compare("1", "2")
	if n := len(d.Files) + len(d.Limits) + len(d.Graph) + len(d.Operators) + len(d.Settings) + len(d.Gates) + len(d.LeftOut); n > 0 || d.Batching != nil || d.From.Digest != d.To.Digest {
		t.Errorf("it differs: %+v", d)
	}
	same(t, "answers", d.Golden.Answers, []Answers{{Of: "1", On: "2", Rows: 3}, {Of: "2", On: "1", Rows: 3}})
}

// What is known of two versions when one of them cannot be asked, or is seen to be another by clients.
func TestDiffLeavesOut(t *testing.T) {
	w := newWorld(t)
	model := linear(onnxgen.New(17))
	other := string(onnxgen.New(17).Input("x", onnxgen.Float32, "n", 2).Node("Abs", "y", onnxgen.In("x")).Shaped("z", onnxgen.Float32, "n", 2).File())
	good := "lineage: {factor: 2}"
	w.put("1", bundle.ModelFile, model, bundle.GoldenFile, goldenOf(2), bundle.ConfigFile, good)               // unloaded, since newer ones serve
	w.put("2", bundle.ModelFile, model, bundle.GoldenFile, goldenOf(2), bundle.ConfigFile, good)               // serves
	w.put("3", bundle.ModelFile, other, bundle.ConfigFile, good)                                               // serves
	w.put("4", bundle.ModelFile, model, bundle.GoldenFile, goldenOf(3), bundle.ConfigFile, good)               // refused by its golden rows
	w.put("5", bundle.ModelFile, model, bundle.ConfigFile, "nonsense: 1")                                      // refused before it was read
	w.put("6", bundle.ModelFile, "", bundle.ConfigFile, "sha256: {model.onnx: '"+strings.Repeat("0", 64)+"'}") // as well
	w.start(2)
	f := func(from, to, client, answers string, leftOut ...string) {
		t.Helper()
		d := w.compare(from, to)
		var got []string
		for i := range d.Golden.Answers {
			got = append(got, d.Golden.Answers[i].words())
		}
		if !strings.HasPrefix(d.Schema.Client, client) || !strings.HasPrefix(strings.Join(got, "; "), answers) || answers == "" && len(got) > 0 {
			t.Errorf("%s and %s: schema %s, answers %q; want %s, %s", from, to, d.Schema.Client, got, client, answers)
		}
		if len(d.LeftOut) != len(leftOut) || !slices.EqualFunc(d.LeftOut, leftOut, strings.HasPrefix) {
			t.Errorf("%s and %s leave out %q, want %q", from, to, d.LeftOut, leftOut)
		}
	}
	f("2", "3", `output "z" is new; output "y" is gone`, "those of 2 on 3: left out, a client can tell the schemas apart")
	f("2", "4", "equal", "those of 2 on 4: left out, version 4 is not loaded: Request for unknown model: 'm' version 4 is not at ready state; those of 4 on 2: left out, version 4 is not loaded")
	f("1", "2", "unknown", "", "version 1 has not been read: it is not loaded")
	f("2", "5", "unknown", "those of 2 on 5: left out", "a version that was refused before its schema", "what the model files consist of", "a version whose files could not be read has no settings")
	f("6", "3", "unknown", "", "a version that was refused before its schema", "what the model files consist of", "a version whose files could not be read has no settings")
	if d := w.compare("2", "4"); len(d.Gates) == 0 || d.Gates[0].To.Outcome != "refused" || d.To.State != "FAILED" || !strings.Contains(d.To.Reason, "golden") {
		t.Errorf("of the refused version it says %+v, %+v", d.To, d.Gates)
	}
	refused := func(model, from, to string, kind fault.Kind, want string) {
		t.Helper()
		if _, err := w.review.Diff(t.Context(), model, from, to); !fault.Is(err, kind) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s %s %s: %v, want %s", model, from, to, err, want)
		}
	}
	refused("m", "2", "9", fault.VersionNotFound, "'m' has no version 9; its versions: '6', '5', '4'")
	refused("m", "9", "2", fault.VersionNotFound, "'m' has no version 9")
	refused("n", "1", "2", fault.ModelNotFound, "'n' is not found")
}

// What replayed rows are answered.
func TestReplay(t *testing.T) {
	w := newWorld(t)
	model := linear(onnxgen.New(17))
	row := `{"request":{"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":[%s,4]}]},"response":{"outputs":[{"name":"y","datatype":"FP32","shape":[1,2],"data":[%s,8]}]}}` + "\n"
	w.put("1", bundle.ModelFile, model, bundle.GoldenFile, fmt.Sprintf(row, "1", "2.001")+fmt.Sprintf(row, "null", "null"), bundle.ConfigFile, "tolerance: {abs: 0, rel: 0.1}\nlineage: {factor: 2}")
	w.put("2", bundle.ModelFile, model, bundle.GoldenFile, fmt.Sprintf(row, "1", "2"), bundle.ConfigFile, "tolerance: {abs: 0, rel: 0}\nlineage: {factor: 2}")
	w.put("3", bundle.ModelFile, model, bundle.ConfigFile, "lineage: {factor: 3}")
	w.start(3)
	answers := func(from, to string) []Answers {
		t.Helper()
		return w.compare(from, to).Golden.Answers
	}
	small := 0.0
	for _, a := range answers("1", "2") {
		if a.Of == "1" {
			if a.Rows != 2 || a.Differ != 0 || a.Largest == nil || a.Largest.Excess == nil {
				t.Fatalf("within the tolerance: %+v", a)
			}
			small = *a.Largest.Excess
		}
	}
	if small <= 0 || small > 0.01 {
		t.Errorf("the largest difference takes %v of the tolerance", small)
	}
	a := answers("2", "3")[0]
	if a.Differ != 1 || a.Largest.Excess != nil || a.Largest.Line != 1 || a.Largest.Output != "y" || !strings.Contains(a.Largest.Text, "instead of") {
		t.Errorf("what no tolerance allows is %+v, %+v", a, a.Largest)
	}
	w.refuse = fault.New(fault.ModelRejectedInput, "it is refused")
	if a := answers("1", "3")[0]; a.Rows != 2 || a.Failed != 2 || a.Failure != "line 1: it is refused" || a.LeftOut != "" {
		t.Errorf("of rows that fail: %+v", a)
	}
	w.refuse = fault.New(fault.Overloaded, "it is overloaded")
	if a := answers("1", "3")[0]; a.Rows != 0 || a.Failed != 0 || a.LeftOut != "from line 1 on: it is overloaded" {
		t.Errorf("of a version that has no room: %+v", a)
	}
}

// Only one replay goes on, and whoever waits may leave.
func TestReplaysTakeTurns(t *testing.T) {
	w := newWorld(t)
	for _, version := range []string{"1", "2"} {
		w.put(version, bundle.ModelFile, linear(onnxgen.New(17)), bundle.GoldenFile, goldenOf(2), bundle.ConfigFile, "lineage: {factor: 2}")
	}
	w.start(2)
	w.review.replaying <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.review.Diff(ctx, "m", "1", "2"); !errors.Is(err, context.Canceled) {
		t.Errorf("who waited and left got %v", err)
	}
	<-w.review.replaying
	if _, err := w.review.Diff(t.Context(), "m", "1", "2"); err != nil || len(w.review.replaying) != 0 {
		t.Errorf("the next one got %v", err)
	}
}

func TestVerify(t *testing.T) {
	w := newWorld(t)
	model := linear(onnxgen.New(17))
	good := "lineage: {factor: 2}"
	w.put("1", bundle.ModelFile, model, bundle.ConfigFile, good)
	w.put("2", bundle.ModelFile, model, bundle.GoldenFile, goldenOf(2), bundle.ConfigFile, good)
	w.put("3", bundle.ModelFile, model, bundle.GoldenFile, goldenOf(2), bundle.ConfigFile, good)
	w.put("4", bundle.ModelFile, model, bundle.GoldenFile, goldenOf(3), bundle.ConfigFile, good)
	w.start(2)
	f := func(version string, want ...string) {
		t.Helper()
		all, err := w.review.Verify(t.Context(), "m", version)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for i := range all {
			line := all[i].Line()
			for _, digest := range []string{all[i].Proven, all[i].OnDisk} {
				if digest != "" {
					line = strings.ReplaceAll(line, digest[:12], "DIGEST")
				}
			}
			got = append(got, strings.ReplaceAll(line, "\t", " | "))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q:\n got %q\nwant %q", version, got, want)
		}
	}
	unread := "m 1 | unproven | it is not loaded, since newer versions serve"
	f("", unread, "m 2 | ok | DIGEST, not pinned", "m 3 | ok | DIGEST, not pinned", "m 4 | ok | DIGEST, not pinned")
	path := filepath.Join(w.dir, "m", "3", bundle.ModelFile)
	about, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	// A byte that changes under the same size and time is what no watching shows.
	text := []byte(model)
	text[len(text)/2] ^= 1
	if err := errors.Join(os.WriteFile(path, text, 0o600), os.Chtimes(path, about.ModTime(), about.ModTime()), os.Remove(filepath.Join(w.dir, "m", "4", bundle.GoldenFile))); err != nil {
		t.Fatal(err)
	}
	f("3", "m 3 | CHANGED | on disk DIGEST, served DIGEST: model.onnx has other bytes")
	f("4", "m 4 | CHANGED | on disk DIGEST, proven DIGEST: golden.jsonl is gone")
	f("2", "m 2 | ok | DIGEST, not pinned")
	if err := os.RemoveAll(filepath.Join(w.dir, "m", "2")); err != nil {
		t.Fatal(err)
	}
	f("2", "m 2 | CHANGED | on disk unknown, served DIGEST: cannot list the bundle's folder: no such file or directory")
	refused := func(ctx context.Context, model, version string, want string) {
		t.Helper()
		if _, err := w.review.Verify(ctx, model, version); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s %s: %v, want %s", model, version, err, want)
		}
	}
	refused(t.Context(), "m", "9", "'m' has no version 9; its versions: '4', '3'")
	refused(t.Context(), "n", "", "'n' is not found")
	w.review.verifying <- struct{}{}
	refused(t.Context(), "m", "", "another verification is reading files")
	<-w.review.verifying
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	refused(gone, "m", "", "the verification was stopped")
	f("4", "m 4 | CHANGED | on disk DIGEST, proven DIGEST: golden.jsonl is gone")
}
