package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// What `make test` leaves out is run by `make race`, or else by `make long`; CI runs both.
func TestLongTestsAreRun(t *testing.T) {
	makefile, err := os.ReadFile(root + "/Makefile")
	if err != nil {
		t.Fatal(err)
	}
	ci, err := os.ReadFile(root + "/.ci/run")
	if err != nil {
		t.Fatal(err)
	}
	find := func(text []byte, pattern string) string {
		t.Helper()
		found := regexp.MustCompile(`(?m)` + pattern).FindSubmatch(text)
		if found == nil {
			t.Fatalf("nothing is like %s", pattern)
		}
		return string(found[len(found)-1])
	}
	find(makefile, `^unit: .*\n(\t.*\n)*\t@SLUICE_QUICK_TESTS=1 \$\(GO_TEST\) .*\./\.\.\.\n`)
	find(makefile, `^check: .*\brace\b`)
	unraced := strings.Split(find(makefile, `-race \$\$\(go list \./\.\.\. \| grep -vE '\^sluice/\((.*)\)\$\$'\)\n`), "|")
	named := strings.Split(find(makefile, `^LONG := (.*)\n`), "|")
	packages := strings.Fields(find(makefile, `^\t@\$\(GO_TEST\) -run '\^\(\$\(LONG\)\)\$\$' (.*)\n`))
	for _, step := range []string{"test", "long", "check"} {
		find(ci, `^step `+step+`$`)
	}

	var left []string // and not run by the race detector
	for dir, tests := range long(t) {
		for _, x := range tests {
			if !x.notRaced && !slices.Contains(unraced, dir) {
				continue
			}
			left = append(left, x.name)
			if !slices.Contains(packages, "./"+dir) {
				t.Errorf("make test leaves out tests of %s, and make long does not run it", dir)
			}
		}
	}
	slices.Sort(left)
	slices.Sort(named)
	if !slices.Equal(left, named) || len(left) == 0 {
		t.Errorf("make test leaves out %q, which make race does not run; make long runs %q", left, named)
	}
}

// longTest is a test that `make test` leaves out. The race detector does so too if it calls longtest.NotRaced.
type longTest struct {
	name     string
	notRaced bool
}

// long are the tests that ask package longtest whether they are left out, by their folder.
func long(t *testing.T) map[string][]longTest {
	t.Helper()
	all := map[string][]longTest{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && strings.HasPrefix(entry.Name(), ".") && path != root {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		for _, declared := range file.Decls {
			asks, notRaced := false, false
			ast.Inspect(declared, func(n ast.Node) bool {
				called, is := n.(*ast.SelectorExpr)
				switch {
				case !is:
				case isNamed(called.X, "longtest") && called.Sel.Name == "NotRaced":
					notRaced = true
				case isNamed(called.X, "longtest"), isNamed(called.X, "testing") && called.Sel.Name == "Short":
					asks = true
				}
				return true
			})
			if !asks {
				continue
			}
			f, is := declared.(*ast.FuncDecl)
			if !is || !strings.HasPrefix(f.Name.Name, "Test") {
				t.Errorf("%s asks outside of a test what is left out: nobody can tell which tests that are", path)
				continue
			}
			all[dir] = append(all[dir], longTest{f.Name.Name, notRaced})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func isNamed(e ast.Expr, name string) bool {
	id, is := e.(*ast.Ident)
	return is && id.Name == name
}
