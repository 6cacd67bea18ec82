package docs

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

// LogLine is a line that the code can write to the log.
type LogLine struct {
	Message string
	// Levels are those at which it is written, ascending in severity.
	Levels []string
	At     string // file:line of one place
}

var severities = []string{"debug", "info", "warn", "error"}

// level is the level that a method of a log writes at.
func level(method string) (name string, ok bool) {
	name = strings.ToLower(method)
	return name, slices.Contains(severities, name) && method != name
}

// LogLines finds the messages that are given to a log: to its methods, to a variable called
// log that holds one of them, and to a throttle that passes them on at the level throttled.
// dynamic are the places whose message is not made of literals and constants.
func (s *Source) LogLines(throttled string) (all []LogLine, dynamic []string) {
	byMessage := map[string]*LogLine{}
	add := func(message, at string, levels []string) {
		l := byMessage[message]
		if l == nil {
			l = &LogLine{Message: message, At: at}
			byMessage[message] = l
		}
		l.Levels = append(l.Levels, levels...)
	}
	for _, file := range s.files {
		constants := s.constants(file.Name.Name)
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Body == nil {
				continue
			}
			held := s.heldLevels(f)
			ast.Inspect(f.Body, func(n ast.Node) bool {
				c, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				message, levels := s.logged(c, held, throttled)
				if levels == nil {
					return true
				}
				at := s.set.Position(c.Pos()).String()
				if text, ok := joined(message, constants); ok {
					add(text, at, levels)
				} else {
					dynamic = append(dynamic, s.show(message)+" at "+at)
				}
				return true
			})
		}
	}
	for _, l := range byMessage {
		slices.SortFunc(l.Levels, func(a, b string) int { return slices.Index(severities, a) - slices.Index(severities, b) })
		l.Levels = slices.Compact(l.Levels)
		all = append(all, *l)
	}
	slices.SortFunc(all, func(a, b LogLine) int { return strings.Compare(a.Message, b.Message) })
	return all, dynamic
}

// logged is the message of a call that writes to a log, and the levels that it may have; none if
// it is another call.
func (s *Source) logged(c *ast.CallExpr, held []string, throttled string) (message ast.Expr, levels []string) {
	if len(c.Args) == 0 {
		return nil, nil
	}
	passed := len(c.Args) > 1 && isLog(s.show(c.Args[0])) // the log is an argument
	switch fun := c.Fun.(type) {
	case *ast.Ident:
		if fun.Name == "log" {
			return c.Args[0], held
		}
	case *ast.SelectorExpr:
		name, ok := level(fun.Sel.Name)
		switch {
		case ok && isLog(s.show(fun.X)):
			return c.Args[0], []string{name}
		case ok && passed:
			return c.Args[1], []string{name}
		case fun.Sel.Name == "log" && passed:
			return c.Args[1], []string{throttled}
		}
	}
	return nil, nil
}

// constants are the values of the texts that have a name in a package, by it.
func (s *Source) constants(pkg string) map[string]string {
	all := map[string]string{}
	for _, file := range s.files {
		for _, d := range file.Decls {
			group, ok := d.(*ast.GenDecl)
			if !ok || group.Tok != token.CONST || file.Name.Name != pkg {
				continue
			}
			for _, spec := range group.Specs {
				v := spec.(*ast.ValueSpec)
				for i, value := range v.Values {
					if text, ok := literal(value); ok {
						all[v.Names[i].Name] = text
					}
				}
			}
		}
	}
	return all
}

// joined is the value of a text that is made of literals and constants.
func joined(e ast.Expr, constants map[string]string) (string, bool) {
	switch e := e.(type) {
	case *ast.BinaryExpr:
		left, one := joined(e.X, constants)
		right, other := joined(e.Y, constants)
		return left + right, one && other && e.Op == token.ADD
	case *ast.Ident:
		text, ok := constants[e.Name]
		return text, ok
	}
	return literal(e)
}

// isLog reports whether an expression is a log, by its name.
func isLog(expression string) bool {
	name := expression[strings.LastIndexByte(expression, '.')+1:]
	return name == "log" || name == "Log" || name == "logger"
}

// heldLevels are the levels of the methods that a function puts into a variable called log.
func (s *Source) heldLevels(f *ast.FuncDecl) (all []string) {
	ast.Inspect(f.Body, func(n ast.Node) bool {
		a, ok := n.(*ast.AssignStmt)
		if !ok || len(a.Lhs) != 1 || s.show(a.Lhs[0]) != "log" {
			return true
		}
		if value, ok := a.Rhs[0].(*ast.SelectorExpr); ok {
			if name, ok := level(value.Sel.Name); ok {
				all = append(all, name)
			}
		}
		return true
	})
	return all
}
