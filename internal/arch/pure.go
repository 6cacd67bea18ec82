package arch

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
)

// pure are the folders of state machines and of measures: what they decide and say depends on their arguments
// alone, so that it can be replayed. Time is an argument, and the caller serialises the calls.
var pure = []string{"batcher/policy", "batcher/policy/costmodel", "compare", "compare/criteria", "compare/measure", "compare/sequence", "compare/devices", "compare/tax", "features/spec", "rollout"}

// impureImports are what a state machine has no use for: it has no lock, no life of its own, and
// no words for clients.
var impureImports = []string{"sync", "context", Module + "/internal/fault"}

// clocks are the functions that read or wait for the time, by import path.
var clocks = map[string][]string{
	"time":                     {"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"},
	Module + "/internal/clock": {"Now"},
}

// checkPure holds a state machine's imports against what it has no use for.
func checkPure(dir string, p Package) []string {
	if !slices.Contains(pure, dir) {
		return nil
	}
	var faults []string
	for _, path := range p.Imports {
		if within(path, impureImports) {
			faults = append(faults, fmt.Sprintf("%s imports %s: its decisions depend on its arguments alone", dir, path))
		}
	}
	return faults
}

// CheckPureSource returns one sentence for each thing in a state machine's source that makes its
// decisions depend on more than its arguments: a clock, a goroutine or a channel.
func CheckPureSource(name string, src []byte) ([]string, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, name, src, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var faults []string
	fault := func(at token.Pos, what string) {
		faults = append(faults, fmt.Sprintf("%s:%d: %s: its decisions depend on its arguments alone", name, fset.Position(at).Line, what))
	}
	imported := map[string]string{} // path by local name
	for _, spec := range file.Imports {
		path, _ := strconv.Unquote(spec.Path.Value) // the parser has checked it
		local := path[strings.LastIndex(path, "/")+1:]
		if spec.Name != nil {
			local = spec.Name.Name
		}
		if local == "." && clocks[path] != nil {
			fault(spec.Pos(), "imports "+path+" without a name")
		}
		imported[local] = path
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			on, ok := n.X.(*ast.Ident)
			if !ok {
				break
			}
			for _, clock := range clocks[imported[on.Name]] {
				if n.Sel.Name == clock {
					fault(n.Pos(), "uses "+imported[on.Name]+"."+clock)
				}
			}
		case *ast.GoStmt:
			fault(n.Pos(), "starts a goroutine")
		case *ast.ChanType:
			fault(n.Pos(), "uses a channel")
		}
		return true
	})
	return faults, nil
}
