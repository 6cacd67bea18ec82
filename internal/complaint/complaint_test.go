package complaint

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"sluice/internal/fault"
)

// said is a line of testdata: what a version of ONNX Runtime said about one of the models of
// testdata/provoke.py, and which kind it is of by a reader's judgement.
type said struct {
	name, text string
	loading    bool
	kind       string
	code       Code
}

func lines(t *testing.T, file string) (all []said) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), "\t", 5)
		code, err := strconv.Atoi(f[3])
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		all = append(all, said{name: f[0], loading: f[1] == "load", kind: f[2], code: Code(code), text: strings.ReplaceAll(f[4], `\n`, "\n")})
	}
	return all
}

// TestRealTexts holds the reading of texts against what versions of the library say.
func TestRealTexts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.tsv")
	if err != nil || len(files) < 3 {
		t.Fatalf("found %v, %v", files, err)
	}
	for _, file := range files {
		all := lines(t, file)
		if len(all) < 70 {
			t.Errorf("%s has %d lines", file, len(all))
		}
		for _, s := range all {
			if s.loading {
				if e := ParseLoading(s.code, s.text); e.Rejected() || !e.Loading {
					t.Errorf("%s: %s, which was said at loading, is %+v", file, s.name, e)
				}
				continue
			}
			e := Parse(s.code, s.text)
			operator := strings.Contains(s.text, "while running")
			if e.Kind.String() != s.kind || (e.Op != "") != operator {
				t.Errorf("%s: %s is a complaint about %v by %q, want %s: %s", file, s.name, e.Kind, e.Op, s.kind, s.text)
			}
			want := fault.InferenceFailed
			if operator && s.kind != "memory" && s.kind != "misfit" {
				want = fault.ModelRejectedInput
			}
			if got := e.Fault(); got.Kind != want || strings.Contains(got.Text, "/") || strings.Contains(got.Text, "node") {
				t.Errorf("%s: %s: a client is told %s %q, want %s", file, s.name, got.Kind.Code(), got.Text, want.Code())
			}
		}
	}
}

func TestOperatorsAndNodes(t *testing.T) {
	f := func(text, op, node string) {
		t.Helper()
		if e := Parse(Fail, text); e.Op != op || e.Node != node || e.Text != text {
			t.Errorf("%q is said by %q at %q, want %q at %q", text, e.Op, e.Node, op, node)
		}
	}
	const gather = "Non-zero status code returned while running Gather node. Name:'look up' Status Message: indices element out of data bounds"
	f(gather, "Gather", "look up")
	f("Non-zero status code returned while running If node. Name:'outer' Status Message: "+gather, "Gather", "look up")
	f("Non-zero status code returned while running Add node. Name:'' Status Message:", "Add", "")
	f("Invalid rank for input: a", "", "")
	f("an error while running Gather", "", "")
	f("while running Gather node. Name:'x", "", "")
	f("", "", "")
}

func TestMisfits(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if got := Parse(Fail, text).Fault(); got.Kind != fault.InferenceFailed || got.Text != want {
			t.Errorf("a client is told %s %q, want %q", got.Kind.Code(), got.Text, want)
		}
	}
	const node = "Non-zero status code returned while running Compress node. Name:'' Status Message: "
	f(node+"[ONNXRuntimeError] : 2 : INVALID_ARGUMENT : The output OrtValue provided for output 'y' of node '' (Compress) has shape {1,4} but the computed output shape for this run is {0,4}. When",
		"the model gave output 'y' in the shape [0,4] where [1,4] is declared")
	f(node+"shape && tensor.Shape() == *shape was false. OrtValue shape verification failed. Current shape:{3} Requested shape:{}",
		"the model gave an output in the shape [] where [3] is declared")
	f(node+"OrtValue shape verification failed", "the model gave an output in the shape [?] where [?] is declared")
}

// TestLocales: 1.24 finds out that a locale is lacking when the model runs.
func TestLocales(t *testing.T) {
	const text = "/string_normalizer.cc:393 Failed to construct locale with name:en_US.UTF-8:locale::facet::_S_create_c_locale name not valid:Please"
	for _, e := range []*Error{
		ParseLoading(Unknown, "Exception during initialization: "+text),
		Parse(Exception, "Non-zero status code returned while running StringNormalizer node. Name:'' Status Message: "+text),
	} {
		if got := e.Fault(); e.Kind != Locale || e.Locale != "en_US.UTF-8" || e.Rejected() || got.Kind != fault.InferenceFailed || !strings.Contains(got.Text, "'en_US.UTF-8'") {
			t.Errorf("%+v is told as %v", e, got.Text)
		}
	}
}

// TestCodesDecideWhereWordsDoNot: an operator's complaint in unknown words is about its inputs,
// unless its code says otherwise.
func TestCodesDecideWhereWordsDoNot(t *testing.T) {
	const text = "Non-zero status code returned while running Frob node. Name:'' Status Message: cannot frob this"
	for code, rejected := range map[Code]bool{Fail: true, InvalidArgument: true, Exception: true, Unknown: false, 9: false, 11: false} {
		if e := Parse(code, text); e.Rejected() != rejected {
			t.Errorf("code %d: rejected is %v", code, e.Rejected())
		}
	}
	if Parse(Fail, "cannot frob this").Rejected() {
		t.Error("a complaint of no operator is about inputs")
	}
	if e := ParseLoading(Fail, text+" out of bounds"); e.Rejected() {
		t.Error("a complaint at loading is about inputs")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(int8(1), "Non-zero status code returned while running Compress node. Name:'' Status Message: OrtValue provided for output 'y' of node '' has shape {1,4} but the computed output shape for this run is {0,4}.")
	f.Add(int8(6), "while running X node. Name:' while running Y node. Name:'' Status Message: a was false. [ONNXRuntimeError] : stoll")
	f.Fuzz(func(t *testing.T, code int8, text string) {
		e := Parse(Code(code), text)
		if e.Text != strings.TrimSpace(text) || !strings.Contains(text, e.Op) || !strings.Contains(text, e.Node) {
			t.Errorf("%q is read as %+v", text, e)
		}
		if e.Rejected() != (e.Fault().Kind == fault.ModelRejectedInput) {
			t.Errorf("%q: rejected is %v and the fault %v", text, e.Rejected(), e.Fault())
		}
	})
}
