package httpfront

import (
	"bytes"
	"strings"

	"sluice/gateway/http/wire"
	"sluice/internal/fault"
	"sluice/internal/http1"
)

// router finds routes by the raw path: it is neither decoded nor cleaned first, so
// that "/a/../b" and "%2e" are never taken for another path. It is a tree of
// segments; literals win over parameters.
type router struct {
	base string
	root node
}

type node struct {
	literals []child
	// param takes any segment. verbs are routes whose last segment is {param}:verb.
	param *node
	verbs []child
	kind  paramKind
	// methods are the routes that end here; allow lists their names.
	methods []Route
	allow   string
}

type child struct {
	name string
	to   *node
}

type paramKind uint8

const (
	paramModel paramKind = iota
	paramVersion
)

func newRouter(base string, routes []Route) *router {
	r := &router{base: base}
	for _, route := range routes {
		r.root.add(strings.TrimPrefix(route.Pattern, "/"), route)
	}
	return r
}

// add puts a route below n; pattern is what is left of its pattern.
func (n *node) add(pattern string, route Route) {
	segment, rest, more := strings.Cut(pattern, "/")
	next := n.next(segment)
	if more {
		next.add(rest, route)
		return
	}
	next.methods = append(next.methods, route)
	if next.allow != "" {
		next.allow += ", "
	}
	next.allow += wire.Allow(route.Method)
}

func (n *node) next(segment string) *node {
	if !strings.HasPrefix(segment, "{") {
		return descend(&n.literals, segment)
	}
	name, verb, hasVerb := strings.Cut(segment, ":")
	kind := paramModel
	if name == "{version}" {
		kind = paramVersion
	}
	n.kind = kind
	if hasVerb {
		return descend(&n.verbs, verb)
	}
	if n.param == nil {
		n.param = &node{}
	}
	return n.param
}

func descend(children *[]child, name string) *node {
	for _, c := range *children {
		if c.name == name {
			return c.to
		}
	}
	to := &node{}
	*children = append(*children, child{name, to})
	return to
}

// params are the raw segments that stood for parameters.
type params struct{ model, version []byte }

// find returns the node of a path, nil if there is none. The path must be raw and
// without its query.
func (r *router) find(path []byte, p *params) *node {
	if len(path) < len(r.base) || string(path[:len(r.base)]) != r.base {
		return nil
	}
	path = path[len(r.base):]
	if len(path) == 0 || path[0] != '/' {
		return nil
	}
	return r.root.find(path[1:], p)
}

// find descends; its depth is bounded by the table, not by the path.
func (n *node) find(path []byte, p *params) *node {
	segment, rest, more := path, []byte(nil), false
	if slash := bytes.IndexByte(path, '/'); slash >= 0 {
		segment, rest, more = path[:slash], path[slash+1:], true
	}
	for i := range n.literals {
		if n.literals[i].name == string(segment) {
			if found := n.literals[i].to.end(rest, more, p); found != nil {
				return found
			}
			break
		}
	}
	if !more {
		for i := range n.verbs {
			if name, ok := cutVerb(segment, n.verbs[i].name); ok {
				p.set(n.kind, name)
				return n.verbs[i].to
			}
		}
	}
	if n.param != nil && (more || len(segment) > 0) {
		if found := n.param.end(rest, more, p); found != nil {
			p.set(n.kind, segment)
			return found
		}
	}
	return nil
}

// cutVerb cuts ":verb" off a segment. Clients that encode whole segments send its colon as %3A;
// nothing else of the path is decoded.
func cutVerb(segment []byte, verb string) (name []byte, ok bool) {
	n := len(segment) - len(verb)
	if n <= 0 || string(segment[n:]) != verb {
		return nil, false
	}
	name = segment[:n]
	if name[n-1] == ':' {
		return name[:n-1], true
	}
	if n >= len("%3a") && http1.FoldEqual(name[n-len("%3a"):], "%3a") {
		return name[:n-len("%3a")], true
	}
	return nil, false
}

func (n *node) end(rest []byte, more bool, p *params) *node {
	if more {
		return n.find(rest, p)
	}
	if len(n.methods) == 0 {
		return nil
	}
	return n
}

func (p *params) set(kind paramKind, segment []byte) {
	if kind == paramVersion {
		p.version = segment
	} else {
		p.model = segment
	}
}

// route picks the node's route for a method. A method that no HTTP server knows is a
// different fault from one that this path does not have. HEAD is GET, whose body is left out
// when the answer is written.
func (n *node) route(method []byte) (*Route, *fault.Error) {
	if string(method) == "HEAD" {
		method = methodGet
	}
	for i := range n.methods {
		if n.methods[i].Method == string(method) {
			return &n.methods[i], nil
		}
	}
	return nil, fault.New(fault.MethodNotAllowed, "Method Not Allowed")
}

var methodGet = []byte("GET")

func knownMethod(method []byte) bool {
	switch string(method) {
	case "GET", "POST", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS":
		return true
	}
	return false
}

// rawPath is the path of a request target as it came: without query, fragment, and
// the scheme and authority of the absolute form.
func rawPath(target []byte) []byte {
	if len(target) > 0 && target[0] != '/' {
		if i := bytes.Index(target, []byte("://")); i >= 0 {
			target = target[i+3:]
			slash := bytes.IndexByte(target, '/')
			if slash < 0 {
				return []byte("/")
			}
			target = target[slash:]
		}
	}
	if i := bytes.IndexAny(target, "?#"); i >= 0 {
		target = target[:i]
	}
	return target
}
