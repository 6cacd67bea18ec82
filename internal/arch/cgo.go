package arch

import "fmt"

// graph answers which packages hold cgo, seen through imports but not through a door.
type graph struct {
	byPath map[string]Package
	// reach caches the first cgo package that a path reaches without a door; "" is none.
	reach map[string]string
}

func newGraph(packages []Package) *graph {
	g := &graph{byPath: make(map[string]Package, len(packages)), reach: map[string]string{}}
	for _, p := range packages {
		g.byPath[p.ImportPath] = p
	}
	return g
}

func (g *graph) checkCgo(dir string, p Package) []string {
	if within(dir, cgoDoors) {
		return nil
	}
	var faults []string
	if len(p.CgoFiles) > 0 {
		faults = append(faults, fmt.Sprintf("%s uses cgo in %s, which belongs in %v", dir, p.CgoFiles[0], cgoDoors))
	} else if through := g.cgoBehind(p.ImportPath); through != "" {
		faults = append(faults, fmt.Sprintf("%s reaches the cgo package %s outside of %v", dir, through, cgoDoors))
	}
	// What joins devices may reach a door; elsewhere it would bind a whole stage to a C compiler.
	if floorOf(dir) == command || within(dir, doorUsers) {
		return faults
	}
	for _, path := range p.Imports {
		if to, own := ownDir(path); own && (within(to, cgoDoors) || floorOf(to) == stage && within(to, doorUsers)) {
			faults = append(faults, fmt.Sprintf("%s imports %s, so it cannot be built with CGO_ENABLED=0", dir, to))
		}
	}
	return faults
}

// cgoBehind names a cgo package that path reaches other than through a door or the
// standard library, which has pure Go twins of its cgo parts.
func (g *graph) cgoBehind(path string) string {
	if found, seen := g.reach[path]; seen {
		return found
	}
	g.reach[path] = ""
	p := g.byPath[path]
	if dir, own := ownDir(path); p.Standard || own && within(dir, cgoDoors) {
		return ""
	}
	found := ""
	if len(p.CgoFiles) > 0 {
		found = path
	}
	for _, next := range p.Imports {
		if found == "" {
			found = g.cgoBehind(next)
		}
	}
	g.reach[path] = found
	return found
}
