package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestSplit(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		var got []string
		for _, words := range split(text) {
			got = append(got, strings.Join(words, " "))
		}
		if !slices.Equal(got, want) {
			t.Errorf("split(%q) = %q, want %q", text, got, want)
		}
	}
	f("make run     # builds", "make run")
	f("a \\\n  b && c; d | e > f", "a b", "c", "d", "e", "f")
	f(`X=1 Y="$(scripts/x.sh --path)" go test ./...`, "scripts/x.sh --path", "go test ./...")
	f(`eval "$(a --env)"; b`, "a --env", "b")
	f("# all of it")
}

func TestCommands(t *testing.T) {
	p, err := Parse("x.md", "Use `make a` or `sluice check [DIR \\| X]`, `curl`, and `bin/sluice`.\n\n```sh\nbin/sluice serve DIR --models x   # `make no`\n```\n")
	if err != nil {
		t.Fatal(err)
	}
	got := p.Commands()
	if len(got) != 3 {
		t.Fatalf("the commands are %v", got)
	}
	f := func(c Command, line int, plain, flags string) {
		t.Helper()
		if c.Line != line || strings.Join(c.Plain(), " ") != plain || strings.Join(c.Flags(), " ") != flags {
			t.Errorf("%+v is %q with %q, want %q with %q at %d", c, c.Plain(), c.Flags(), plain, flags, line)
		}
	}
	f(got[0], 3, "sluice serve", "--models")
	f(got[1], 1, "make a", "")
	f(got[2], 1, "sluice check", "")
}

// walked are the pages whose commands have to be there: those of TestExamples and the ones for people
// who work on the code.
func walked(t *testing.T) []string {
	t.Helper()
	return append(pages(t), "CONTRIBUTING.md", "examples/training/README.md")
}

// What a page tells a reader to run is there, also where it takes too long to be run: make's targets,
// scripts, packages with the tests that are asked for. TestExamples looks at the binary's own commands.
func TestCommandsAreThere(t *testing.T) {
	makefile, err := os.ReadFile(root + "/Makefile")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	for _, path := range walked(t) {
		for _, c := range page(t, path).Commands() {
			name := c.Words[0]
			found[name]++
			switch {
			case name == "make":
				for _, target := range c.Words[1:] {
					if !assignment.MatchString(target) && !regexp.MustCompile(`(?m)^`+regexp.QuoteMeta(target)+`:.* ## `).Match(makefile) {
						t.Errorf("%s:%d names make %s, which make help does not list", path, c.Line, target)
					}
				}
			case strings.HasPrefix(name, "scripts/"):
				if stat, err := os.Stat(filepath.Join(root, name)); err != nil || stat.Mode()&0o111 == 0 {
					t.Errorf("%s:%d names %s, which cannot be run", path, c.Line, name)
				}
			case name == "go" && slices.Contains([]string{"test", "run", "generate"}, c.Words[1]):
				goCommand(t, path, &c)
			}
		}
	}
	for _, name := range []string{"make", "go", "sluice"} {
		if found[name] < 10 {
			t.Errorf("only %d commands of %s were found", found[name], name)
		}
	}
}

// goCommand looks for the packages of a go command, and for the tests and benchmarks that it picks.
func goCommand(t *testing.T, path string, c *Command) {
	t.Helper()
	var files []string
	for _, word := range c.Words[2:] {
		dir, deep := strings.CutSuffix(strings.Trim(word, "'"), "/...")
		if !strings.HasPrefix(dir, "./") {
			continue
		}
		if stat, err := os.Stat(filepath.Join(root, dir)); err != nil || !stat.IsDir() {
			t.Errorf("%s:%d names the package %s, which is not there", path, c.Line, word)
		}
		patterns := []string{"*_test.go"}
		if deep {
			patterns = append(patterns, "*/*_test.go", "*/*/*_test.go")
		}
		for _, pattern := range patterns {
			more, err := filepath.Glob(filepath.Join(root, dir, pattern))
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, more...)
		}
	}
	for i, word := range c.Words[:len(c.Words)-1] {
		kind, known := map[string]string{"-run": "Test", "-bench": "Benchmark"}[word]
		wanted := strings.Trim(c.Words[i+1], "'")
		if !known || wanted == "^$" {
			continue
		}
		declared := regexp.MustCompile(`(?m)^func (` + kind + `\w*` + `)\(`)
		pick := regexp.MustCompile(wanted)
		if !slices.ContainsFunc(files, func(file string) bool {
			text, err := os.ReadFile(file)
			return err == nil && slices.ContainsFunc(declared.FindAllSubmatch(text, -1), func(m [][]byte) bool { return pick.Match(m[1]) })
		}) {
			t.Errorf("%s:%d picks %s %s, and there is none", path, c.Line, word, wanted)
		}
	}
}
