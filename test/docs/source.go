package docs

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Source is Go code, read for what it says and not compiled.
type Source struct {
	set   *token.FileSet
	files []*ast.File
}

// ReadSource parses the code of the folders, tests left out. With deep it takes what lies
// below them too, save the folders in skip.
func ReadSource(deep bool, skip []string, dirs ...string) (*Source, error) {
	s := &Source{set: token.NewFileSet()}
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case entry.IsDir() && path != dir && (!deep || hidden(entry.Name()) || slices.Contains(skip, filepath.ToSlash(path))):
				return filepath.SkipDir
			case entry.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go"):
				return nil
			}
			file, err := parser.ParseFile(s.set, path, nil, parser.SkipObjectResolution)
			if err == nil {
				s.files = append(s.files, file)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return s, nil
}

func hidden(name string) bool {
	return name == "testdata" || name == "node_modules" || strings.HasPrefix(name, ".") && strings.Trim(name, ".") != ""
}

// each visits every node of a kind.
func each[N ast.Node](s *Source, visit func(N)) {
	for _, file := range s.files {
		ast.Inspect(file, func(n ast.Node) bool {
			if node, ok := n.(N); ok {
				visit(node)
			}
			return true
		})
	}
}

// literal is the value of a string in the code.
func literal(e ast.Expr) (string, bool) {
	l, ok := e.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(l.Value)
	return text, err == nil
}

// Literals are the different strings in the code that match.
func (s *Source) Literals(form *regexp.Regexp) []string {
	found := map[string]bool{}
	each(s, func(l *ast.BasicLit) {
		if text, ok := literal(l); ok && form.MatchString(text) {
			found[text] = true
		}
	})
	return sorted(found)
}

// Strings are the strings in the declaration of a variable, a function or a group of constants
// that has a member of that name.
func (s *Source) Strings(name string) []string {
	found := map[string]bool{}
	collect := func(n ast.Node) {
		ast.Inspect(n, func(n ast.Node) bool {
			if l, ok := n.(*ast.BasicLit); ok {
				if text, ok := literal(l); ok {
					found[text] = true
				}
			}
			return true
		})
	}
	each(s, func(d *ast.GenDecl) {
		for _, spec := range d.Specs {
			v, ok := spec.(*ast.ValueSpec)
			if !ok || !slices.ContainsFunc(v.Names, func(id *ast.Ident) bool { return id.Name == name }) {
				continue
			}
			if d.Tok == token.CONST {
				collect(d)
			} else {
				collect(v)
			}
		}
	})
	each(s, func(d *ast.FuncDecl) {
		if d.Name.Name == name {
			collect(d)
		}
	})
	return sorted(found)
}

// TextsOf are the texts with which the function makes faults and errors, and those that it begins
// a returned text with.
func (s *Source) TextsOf(function string) []string {
	found := map[string]bool{}
	each(s, func(f *ast.FuncDecl) {
		if f.Name.Name != function || f.Body == nil {
			return
		}
		ast.Inspect(f.Body, func(n ast.Node) bool {
			var text ast.Expr
			switch n := n.(type) {
			case *ast.CallExpr:
				switch name := s.show(n.Fun); {
				case strings.HasPrefix(name, "fault.") && len(n.Args) > 1:
					text = n.Args[1]
				case (name == "errors.New" || name == "fmt.Errorf") && len(n.Args) > 0:
					text = n.Args[0]
				}
			case *ast.ReturnStmt:
				if len(n.Results) == 1 {
					text = n.Results[0]
				}
			}
			if sum, ok := text.(*ast.BinaryExpr); ok {
				text = sum.X
			}
			if value, ok := literal(text); ok && value != "" {
				found[value] = true
			}
			return true
		})
	})
	return sorted(found)
}

// show is an expression as it is written.
func (s *Source) show(e ast.Expr) string {
	var b bytes.Buffer
	if printer.Fprint(&b, s.set, e) != nil {
		return ""
	}
	return b.String()
}

func sorted(set map[string]bool) []string {
	all := make([]string, 0, len(set))
	for name := range set {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}
