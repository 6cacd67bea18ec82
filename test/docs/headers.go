package docs

import (
	"go/ast"
	"net/textproto"
	"regexp"
	"strings"
)

// Use is what the code does with a header.
type Use struct{ Read, Written bool }

var (
	headerName  = regexp.MustCompile(`^[A-Z][A-Za-z0-9]*(-[A-Z][A-Za-z0-9]*)*$`)
	headerLine  = regexp.MustCompile(`(?:^|\n)([A-Z][a-z][A-Za-z0-9]*(?:-[A-Z][A-Za-z0-9]*)*): `)
	headerReads = regexp.MustCompile(`^(Get|Values|Peek\w*)$`)
	headerSets  = regexp.MustCompile(`^(Set|Add|SetCanonical|SetBytes\w+|AddBytes\w+)$`)
)

// ownMethods are those of fasthttp that set a header without its name.
var ownMethods = map[string]string{
	"SetContentTypeBytes": "Content-Type", "SetContentType": "Content-Type",
	"SetContentEncodingBytes": "Content-Encoding", "SetContentEncoding": "Content-Encoding",
	"SetConnectionClose": "Connection",
}

// Headers finds the headers that the code reads and writes: by name in the methods of header
// maps, through variables called header..., in the scan of a request's head (foldEqual), and
// in answers that are written as text.
func (s *Source) Headers() map[string]Use {
	found := map[string]Use{}
	note := func(name string, read, written bool) {
		u := found[name]
		found[name] = Use{u.Read || read, u.Written || written}
	}
	names := map[string]string{} // of variables
	each(s, func(v *ast.ValueSpec) {
		for i, id := range v.Names {
			if !strings.HasPrefix(id.Name, "header") || i >= len(v.Values) {
				continue
			}
			if c, ok := v.Values[i].(*ast.CallExpr); ok && len(c.Args) == 1 {
				if text, ok := literal(c.Args[0]); ok && headerName.MatchString(text) {
					names[id.Name] = text
					note(text, false, false)
				}
			}
		}
	})
	each(s, func(c *ast.CallExpr) {
		method := ""
		switch f := c.Fun.(type) {
		case *ast.SelectorExpr:
			method = f.Sel.Name
		case *ast.Ident:
			method = f.Name
		}
		if name, ok := ownMethods[method]; ok {
			note(name, false, true)
		}
		for i, arg := range c.Args {
			name, ok := literal(arg)
			if id, isIdent := arg.(*ast.Ident); isIdent {
				name, ok = names[id.Name], names[id.Name] != ""
			}
			switch {
			case !ok:
			case i == 0 && headerName.MatchString(name):
				if headerReads.MatchString(method) || headerSets.MatchString(method) {
					note(name, headerReads.MatchString(method), headerSets.MatchString(method))
				}
			}
		}
	})
	each(s, func(f *ast.FuncDecl) {
		if f.Recv == nil || !strings.Contains(s.show(f.Recv.List[0].Type), "headScan") {
			return
		}
		ast.Inspect(f.Body, func(n ast.Node) bool {
			if c, ok := n.(*ast.CallExpr); ok && s.show(c.Fun) == "foldEqual" && s.show(c.Args[0]) == "name" {
				name, _ := literal(c.Args[1])
				note(textproto.CanonicalMIMEHeaderKey(name), true, false)
			}
			return true
		})
	})
	each(s, func(l *ast.BasicLit) {
		text, _ := literal(l)
		for _, match := range headerLine.FindAllStringSubmatch(text, -1) {
			note(match[1], false, true)
		}
	})
	return found
}
