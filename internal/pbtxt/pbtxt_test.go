package pbtxt

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

const sample = `# a comment
name: "m"
max_batch_size : 0
version_policy: { specific { versions: [ 1, 3 ] } }
input [ { name: "x", data_type: TYPE_FP32 dims: [ -1, 3 ] reshape { shape: [ ] } }, { name: 'y' data_type: TYPE_STRING dims: 1 dims: 2 } ]
input { name: "z" optional: true }
output [ { name: "o" } ]
parameters: { key: "b" value: { string_value: "1" } }
parameters { key: "a" value { string_value: "2" } }
dynamic_batching { preferred_batch_size: [4, 8] priority_queue_policy { key: 2 value { max_queue_size: 9 } } }
instance_group [ { count: 2 kind: KIND_GPU gpus: [ 0 ] } ]
`

func TestParse(t *testing.T) {
	m, err := Parse([]byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	f := func(what string, got, want any) {
		t.Helper()
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: got %v, want %v", what, got, want)
		}
	}
	f("fields", m.Fields(), []string{"name", "version_policy", "max_batch_size", "input", "output", "dynamic_batching", "instance_group", "parameters"})
	f("name", m.Text("name"), "m")
	f("0 is set", m.Has("max_batch_size"), true)
	f("what is not set", m.Has("platform"), false)
	f("versions", m.Message("version_policy").Message("specific").Ints("versions"), []int64{1, 3})
	in := m.Messages("input")
	f("inputs", len(in), 3)
	f("type", in[0].Text("data_type"), "TYPE_FP32")
	f("dims", in[0].Ints("dims"), []int64{-1, 3})
	f("an empty shape is set", in[0].Has("reshape"), true)
	f("and empty", len(in[0].Message("reshape").Ints("shape")), 0)
	f("dims one by one", in[1].Ints("dims"), []int64{1, 2})
	f("optional", in[2].Bool("optional"), true)
	f("not optional", in[1].Bool("optional"), false)
	f("keys", m.Keys("parameters"), []string{"a", "b"})
	f("a part that is not there", m.Message("optimization").Message("graph").Int("level"), 0)
	f("count", m.Messages("instance_group")[0].Int("count"), 2)
	if marked, err := Parse([]byte("\ufeff" + sample)); err != nil || marked.Text("name") != "m" {
		t.Errorf("with a byte order mark: %v, %v", marked.Fields(), err)
	}
	if empty, err := Parse(nil); err != nil || empty.Fields() != nil {
		t.Errorf("an empty file: %v, %v", empty.Fields(), err)
	}
}

func TestParseFaults(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if _, err := Parse([]byte(text)); err == nil || err.Error() != want {
			t.Errorf("%.60q: got %v, want %q", text, err, want)
		}
	}
	f("name: \"m\"\n\nmax_batchsize: 4", `line 3: there is no field "max_batchsize"; did you mean max_batch_size?`)
	f("frobnicate: 4", `line 1: there is no field "frobnicate"`)
	f("Input { }", `line 1: there is no field "Input"; did you mean input?`)
	f("input { name: \"x\"\n dim: [1] }", `line 2: there is no field "dim"; did you mean dims?`)
	f("max_batch_size: \"4\"", `line 1: invalid value for int32 type: "4"`)
	f("max_batch_size: 99999999999", `line 1: invalid value for int32 type: 99999999999`)
	f("input { data_type: TYPE_FLOAT }", `line 1: invalid value for enum type: TYPE_FLOAT`)
	f("input { data_type: FP32 }", `line 1: invalid value for enum type: FP32; did you mean TYPE_FP32?`)
	f("input { data_type: type_int64 }", `line 1: invalid value for enum type: type_int64; did you mean TYPE_INT64?`)
	f("instance_group { kind: GPU }", `line 1: invalid value for enum type: GPU; did you mean KIND_GPU?`)
	f("\xff\xfen\x00", "it is UTF-16; save it as UTF-8")
	f("\ufeff\ufeffname: \"m\"", `line 1: syntax error: invalid field name: ?`)
	f("\x1b[2J: 1", `line 1: syntax error: invalid field name: ?`)
	f("name: \"a\"\nname: \"b\"", `line 2: non-repeated field "name" is repeated`)
	f("dynamic_batching { }\nsequence_batching { }", `line 2: error parsing "sequence_batching", oneof inference.ModelConfig.scheduling_choice is already set`)
	f("max_batch_size 4", `line 1: syntax error: missing field separator :`)
	f("input [", `unexpected EOF`)
	f("{\"name\": 1}", `line 1: syntax error: invalid field name: {`)
	f("name: \"\xff\"", `line 1: syntax error: invalid UTF-8 detected`)
	f("[type.example.org/x] { }", `line 1: there is no field "[type.example.org/x]"`)
	f("4: 1", `line 1: cannot specify field by number: 4`)
	f(strings.Repeat(" ", MaxBytes+1), "it has 1048577 bytes; the limit is 1048576")
}

// TestNesting parses what would overflow the stack of a reader without a bound.
func TestNesting(t *testing.T) {
	for _, text := range []string{"input{", "input[", "[", "optimization{cuda{graph_spec{"} {
		if _, err := Parse([]byte(strings.Repeat(text, MaxBytes/len(text)))); err == nil {
			t.Errorf("%q many times is taken", text)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte("input { reshape { shape: [1,,] } }"))
	f.Add([]byte("parameters { key: \"a\" }"))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := Parse(text)
		if err != nil {
			if strings.TrimSpace(err.Error()) == "" || len(err.Error()) > 600 {
				t.Errorf("the fault is %q", err)
			}
			return
		}
		known := Known(root)
		for _, name := range m.Fields() {
			if !slices.Contains(known, name) {
				t.Errorf("a field %q that is not described", name)
			}
		}
		for _, in := range m.Messages("input") {
			if in.Has("reshape") {
				in.Message("reshape").Ints("shape")
			}
			in.Text("data_type")
		}
	})
}
