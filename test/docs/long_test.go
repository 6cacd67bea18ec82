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

// What `go test -short`, and so `make test`, leaves out is run by `make race`, or else by `make long`; CI runs both.
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
	find(makefile, `^unit: .*\n(\t.*\n)*\t@\$\(GO_TEST\) -short .*\./\.\.\.\n`)
	find(makefile, `^check: .*\brace\b`)
	unraced := strings.Split(find(makefile, `-race \$\$\(go list \./\.\.\. \| grep -vE '\^sluice/\((.*)\)\$\$'\)\n`), "|")
	named := strings.Split(find(makefile, `^LONG := (.*)\n`), "|")
	packages := strings.Fields(find(makefile, `^\t@\$\(GO_TEST\) -run '\^\(\$\(LONG\)\)\$\$' (.*)\n`))
	for _, step := range []string{"test", "long", "check"} {
		find(ci, `^step `+step+`$`)
	}

	var left []string // by -short, and not run by the race detector
	all, drawing := shortened(t)
	for _, dir := range unraced {
		if drawing[dir] {
			t.Errorf("%s has properties, of which -short draws a fifth, and make race, which draws all, does not run it", dir)
		}
	}
	if !drawing["batcher"] {
		t.Error("no properties were found")
	}
	for dir, tests := range all {
		if slices.Contains(unraced, dir) {
			left = append(left, tests...)
			if !slices.Contains(packages, "./"+dir) {
				t.Errorf("%s leaves out tests with -short, and make long does not run it", dir)
			}
		}
	}
	slices.Sort(left)
	slices.Sort(named)
	if !slices.Equal(left, named) || len(left) == 0 {
		t.Errorf("-short leaves out %q, which make race does not run; make long runs %q", left, named)
	}
}

// shortened are the tests that ask for -short, by their folder, and the folders with properties, which are drawn
// fewer times with it.
func shortened(t *testing.T) (all map[string][]string, drawing map[string]bool) {
	t.Helper()
	all, drawing = map[string][]string{}, map[string]bool{}
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
		for _, imported := range file.Imports {
			drawing[dir] = drawing[dir] || imported.Path.Value == `"pgregory.net/rapid"`
		}
		for _, declared := range file.Decls {
			asks := false
			ast.Inspect(declared, func(n ast.Node) bool {
				called, is := n.(*ast.SelectorExpr)
				asks = asks || is && called.Sel.Name == "Short" && isNamed(called.X, "testing")
				return true
			})
			if !asks {
				continue
			}
			f, is := declared.(*ast.FuncDecl)
			if !is || !strings.HasPrefix(f.Name.Name, "Test") {
				t.Errorf("%s asks for testing.Short outside of a test: nobody can tell which tests it leaves out", path)
				continue
			}
			all[dir] = append(all[dir], f.Name.Name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all, drawing
}

func isNamed(e ast.Expr, name string) bool {
	id, is := e.(*ast.Ident)
	return is && id.Name == name
}
