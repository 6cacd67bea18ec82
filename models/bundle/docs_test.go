package bundle

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"sluice/compare/criteria"
	"sluice/features/spec"
	"sluice/internal/agree"
	"sluice/internal/doctext"
)

//go:generate go test -count=1 -run ^TestModelPage$ . -update

// TestModelPage holds the tables of docs/model.md against Config and its comments.
func TestModelPage(t *testing.T) {
	texts := map[string]string{}
	for _, dir := range []string{".", "../../internal/agree", "../../compare/criteria", "../../features/spec"} {
		fields, err := doctext.Fields(dir)
		if err != nil {
			t.Fatal(err)
		}
		maps.Copy(texts, fields)
	}
	var b strings.Builder
	keysTable(t, &b, texts, configType, "")
	b.WriteString("\nA version alone has these, in its own file:\n\n")
	keysTable(t, &b, texts, configType, inVersion)
	b.WriteString("\nA model alone has these, in the file beside its versions, or where its one version has no folder:\n\n")
	keysTable(t, &b, texts, configType, inModel)
	sections := []reflect.Type{
		reflect.TypeFor[agree.Tolerance](), reflect.TypeFor[PaddingConfig](), reflect.TypeFor[criteria.Output](), reflect.TypeFor[criteria.Criterion](),
		reflect.TypeFor[RolloutConfig](), reflect.TypeFor[RolloutStep](),
		reflect.TypeFor[spec.Settings](), reflect.TypeFor[spec.Group](), reflect.TypeFor[spec.Cache](), reflect.TypeFor[spec.Column](),
	}
	names := map[string]string{
		"Tolerance": "tolerance", "PaddingConfig": "padding", "Output": "outputs", "Criterion": "criteria", "RolloutConfig": "rollout", "RolloutStep": "rollout.steps",
		"Settings": "features", "Group": "features.groups", "Cache": "features.groups.cache", "Column": "features.inputs",
	}
	for _, section := range sections {
		key := names[section.Name()]
		fmt.Fprintf(&b, "\n### `%s`\n\n", key)
		keysTable(t, &b, texts, section, "")
	}
	if err := doctext.Hold("../../docs/model.md", map[string]string{"keys": b.String()}, *rewrite); err != nil {
		t.Error(err)
	}
}

// keysTable lists the keys with a value of the tag in.
func keysTable(t *testing.T, b *strings.Builder, texts map[string]string, of reflect.Type, in string) {
	b.WriteString("| Key | Values | Default | What it is |\n|---|---|---|---|\n")
	for i := range of.NumField() {
		field := of.Field(i)
		if field.Tag.Get("yaml") == "-" || field.Tag.Get("in") != in {
			continue
		}
		text := doctext.Sentence(texts[of.Name()+"."+field.Name])
		about, value, because := doctext.Default(text)
		section := field.Type.Kind() == reflect.Struct
		if about == "" || value == "" && !section && !strings.Contains(about, "must be given") {
			t.Errorf("%s.%s: the comment does not say what it is and what its default is: %q", of.Name(), field.Name, text)
		}
		switch value {
		case "absent", "empty", "":
			value = ""
		case "none": // a word of the page, not of the file
		default:
			value = "`" + value + "`"
		}
		if because != "" {
			value = strings.TrimPrefix(value+": "+because, ": ")
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", field.Tag.Get("yaml"), kindOfKey(field.Type), value, doctext.Cell(about))
	}
}

// kindOfKey is what the page calls a type.
func kindOfKey(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return "time"
	case t == reflect.TypeFor[spec.Keys]():
		return "list or mapping"
	case t == reflect.TypeFor[spec.Default]():
		return "number, word or list"
	case t == reflect.TypeFor[[]spec.Rung]():
		return "list of words and mappings"
	case t.Kind() == reflect.Bool, t == reflect.TypeFor[*bool]():
		return "switch"
	case t == reflect.TypeFor[*criteria.Limit]():
		return "number, share or time"
	case t.Kind() == reflect.Int, t.Kind() == reflect.Int64, t.Kind() == reflect.Float64:
		return "number"
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Int:
		return "list of numbers"
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct:
		return "list of mappings, see below"
	case t.Kind() == reflect.Slice:
		return "list"
	case t.Kind() == reflect.Map && t.Elem().Kind() == reflect.Struct:
		return "mapping of names to mappings, see below"
	case t.Kind() == reflect.Map && t.Elem().Kind() == reflect.Slice && t.Elem().Elem().Kind() == reflect.Struct:
		return "mapping of names to lists of mappings, see below"
	case t.Kind() == reflect.Map && t.Elem().Kind() == reflect.Slice:
		return "mapping of names to lists"
	case t.Kind() == reflect.Map:
		return "mapping"
	case t.Kind() == reflect.Struct, t.Kind() == reflect.Pointer:
		return "mapping, see below"
	}
	return "text"
}

// TestExampleOfTheModelPage reads the example: it sets every key but two that contradict it.
func TestExampleOfTheModelPage(t *testing.T) {
	text, err := os.ReadFile("../../docs/model.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "```yaml\n")
	example, rest, _ := strings.Cut(rest, "```")
	c, err := decodeOwn([]byte(example), testDefaults())
	if err != nil {
		t.Fatal(err)
	}
	if c.Budget != 50*time.Millisecond || c.MaxBatch != 128 || c.MaxRows != 2048 || c.Tolerance != (agree.Tolerance{Abs: 1e-5, Rel: 1e-3}) || c.Fallback != FallbackBudget ||
		!reflect.DeepEqual(c.Devices, []string{"cuda:0", "cpu"}) || !reflect.DeepEqual(c.Once, []string{"user"}) || !reflect.DeepEqual(c.Optional, []string{"temperature"}) ||
		!reflect.DeepEqual(c.Padding, &PaddingConfig{"seq", []int{16, 32, 64, 128}, map[string]float64{"tokens": 0, "mask": 0}}) ||
		!reflect.DeepEqual(c.Labels["probabilities"], []string{"cat", "dog", "neither"}) || len(c.SHA256) != 2 || c.Lineage["script"] != "train.py" {
		t.Errorf("the example means %+v", c)
	}
	_, rest, _ = strings.Cut(rest, "```yaml\n")
	shared, _, _ := strings.Cut(rest, "```")
	c, err = Sources{Model: []byte(shared)}.Decode(testDefaults())
	if err != nil || c.Budget != 50*time.Millisecond || c.MaxBatch != 128 || c.Promote != PromoteManual || c.KeepPrevious == nil || *c.KeepPrevious || c.Unit != "user" || len(c.Origins) != 8 || !reflect.DeepEqual(c.Segments, []string{"country"}) ||
		c.Outputs["score"].Kind != "ranked" || len(c.Criteria) != 3 || *c.Criteria[0].AtMost != 0.02 || *c.Criteria[2].AtMost != 0.0005 {
		t.Errorf("the example of settings of all versions means %+v, %v", c, err)
	}
}

var rewrite = flag.Bool("update", false, "rewrite the tables of the pages")
