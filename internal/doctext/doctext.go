// Package doctext reads the comments of structs, and puts text made of them into pages between
// two marks. Tests call it, so that a help text, a page and the code cannot say different things.
package doctext

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
)

// Fields reads the exported fields of every struct in the folder's Go files, but not in its
// tests: Type.Field leads to the field's comment as one line, and Type to the struct's own.
func Fields(dir string) (map[string]string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	texts := map[string]string{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			return nil, fmt.Errorf("cannot read comments: %w", err)
		}
		for _, d := range f.Decls {
			if types, ok := d.(*ast.GenDecl); ok {
				fields(types, texts)
			}
		}
	}
	return texts, nil
}

func fields(types *ast.GenDecl, texts map[string]string) {
	for _, s := range types.Specs {
		spec, ok := s.(*ast.TypeSpec)
		if !ok {
			continue
		}
		body, ok := spec.Type.(*ast.StructType)
		if !ok {
			continue
		}
		texts[spec.Name.Name] = line(types.Doc)
		for _, field := range body.Fields.List {
			for _, name := range field.Names {
				if name.IsExported() {
					texts[spec.Name.Name+"."+name.Name] = line(field.Doc)
				}
			}
		}
	}
}

func line(comment *ast.CommentGroup) string { return strings.Join(strings.Fields(comment.Text()), " ") }

// Sentence drops the name that a comment begins with: "Listen is the address" becomes "The
// address".
func Sentence(text string) string {
	_, rest, _ := strings.Cut(text, " ")
	for _, verb := range []string{"is ", "are ", "says "} {
		if after, ok := strings.CutPrefix(rest, verb); ok {
			rest = after
			break
		}
	}
	if rest == "" {
		return ""
	}
	return strings.ToUpper(rest[:1]) + rest[1:]
}

// Default splits a text at its sentence "Default X", or "Default X: because", which it leaves
// out: what is said of the setting, X, and the rest of that sentence.
func Default(text string) (about, value, because string) {
	before, after, found := strings.Cut(text, "Default ")
	if !found {
		return text, "", ""
	}
	sentence, rest := after, ""
	if end := strings.Index(after, ". "); end >= 0 {
		sentence, rest = after[:end], after[end+2:]
	}
	sentence = strings.TrimSuffix(sentence, ".")
	value = sentence
	if end := strings.IndexAny(sentence, " ,;"); end >= 0 {
		value, because = sentence[:end], strings.TrimLeft(sentence[end:], " ,;")
	}
	return strings.TrimSpace(strings.TrimSpace(before) + " " + rest), strings.TrimSuffix(value, ":"), because
}

// Insert puts text between the page's marks of a name, <!-- generated: NAME --> and <!-- end: NAME -->.
func Insert(page []byte, name, text string) ([]byte, error) {
	begin, end := []byte("<!-- generated: "+name+" -->\n"), []byte("<!-- end: "+name+" -->")
	i, j := bytes.Index(page, begin), bytes.Index(page, end)
	if i < 0 || j < i {
		return nil, fmt.Errorf("the page has no marks %q", name)
	}
	return bytes.Join([][]byte{page[:i+len(begin)], []byte(text), page[j:]}, nil), nil
}

// Hold compares the parts of a page between marks with the texts of their names, or writes the page anew.
func Hold(path string, texts map[string]string, update bool) error {
	page, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	want := page
	for name, text := range texts {
		if want, err = Insert(want, name, text); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	switch {
	case bytes.Equal(page, want):
		return nil
	case update:
		return os.WriteFile(path, want, 0o644)
	}
	return fmt.Errorf("%s is not what the code says: run go generate ./... and commit it", path)
}

// Cell makes a text one of a table's, with marks where it says what breaks: "Too low refuses"
// becomes "**Too low** refuses".
func Cell(text string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "Too low", "**Too low**", "too low", "**too low**", "Too high", "**Too high**", "too high", "**too high**").Replace(text)
}
