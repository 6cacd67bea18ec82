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
// maps, through variables called header..., in the scan of a request's head (FoldEqual), and
// in answers that are written as text.
func (s *Source) Headers() map[string]Use {
	found := uses{}
	s.callsOnHeaders(found, s.headerVariables(found))
	s.scannedHeaders(found)
	each(s, func(l *ast.BasicLit) {
		text, _ := literal(l)
		for _, match := range headerLine.FindAllStringSubmatch(text, -1) {
			found.note(match[1], false, true)
		}
	})
	return found
}

type uses map[string]Use

func (u uses) note(name string, read, written bool) {
	before := u[name]
	u[name] = Use{before.Read || read, before.Written || written}
}

// headerVariables are the headers' names by the variables that hold them.
func (s *Source) headerVariables(found uses) map[string]string {
	names := map[string]string{}
	each(s, func(v *ast.ValueSpec) {
		for i, id := range v.Names {
			if !strings.HasPrefix(id.Name, "header") || i >= len(v.Values) {
				continue
			}
			if c, ok := v.Values[i].(*ast.CallExpr); ok && len(c.Args) == 1 {
				if text, ok := literal(c.Args[0]); ok && headerName.MatchString(text) {
					names[id.Name] = text
					found.note(text, false, false)
				}
			}
		}
	})
	return names
}

// callsOnHeaders notes the headers that methods of header maps read and set.
func (s *Source) callsOnHeaders(found uses, names map[string]string) {
	each(s, func(c *ast.CallExpr) {
		method := ""
		switch f := c.Fun.(type) {
		case *ast.SelectorExpr:
			method = f.Sel.Name
		case *ast.Ident:
			method = f.Name
		}
		if name, ok := ownMethods[method]; ok {
			found.note(name, false, true)
		}
		if len(c.Args) == 0 {
			return
		}
		name, ok := literal(c.Args[0])
		if id, isIdent := c.Args[0].(*ast.Ident); isIdent {
			name, ok = names[id.Name], names[id.Name] != ""
		}
		if reads, sets := headerReads.MatchString(method), headerSets.MatchString(method); ok && headerName.MatchString(name) && (reads || sets) {
			found.note(name, reads, sets)
		}
	})
}

// scannedHeaders notes those that the scan of a request's head knows.
func (s *Source) scannedHeaders(found uses) {
	each(s, func(f *ast.FuncDecl) {
		if f.Recv == nil || !strings.Contains(s.show(f.Recv.List[0].Type), "headScan") {
			return
		}
		ast.Inspect(f.Body, func(n ast.Node) bool {
			if c, ok := n.(*ast.CallExpr); ok && s.show(c.Fun) == "FoldEqual" && s.show(c.Args[0]) == "name" {
				name, _ := literal(c.Args[1])
				found.note(textproto.CanonicalMIMEHeaderKey(name), true, false)
			}
			return true
		})
	})
}
