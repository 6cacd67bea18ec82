package httpfront

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"sluice/internal/fault"
)

// description is what the tests read of the OpenAPI document. Its bodies are held against real
// answers by test/clients/document.py, which has a validator of schemas at hand.
type description struct {
	Paths      map[string]map[string]operation
	Components struct {
		Responses map[string]response
	}
}

type operation struct {
	ID        string `json:"operationId"`
	Responses map[string]response
}

type response struct {
	Ref     string `json:"$ref"`
	Content map[string]json.RawMessage
	Headers map[string]json.RawMessage
}

var described = sync.OnceValue(func() *description {
	d := &description{}
	if err := json.Unmarshal(OpenAPI(), d); err != nil {
		panic(err)
	}
	return d
})

func (d *description) response(o *operation, status string) (response, bool) {
	r, found := o.Responses[status]
	if name, isRef := strings.CutPrefix(r.Ref, "#/components/responses/"); isRef {
		r, found = d.Components.Responses[name]
	}
	return r, found
}

// unread are the refusals of requests that reached no route, or not that route's own code: the
// document has one answer for them, the same everywhere.
var unread = []fault.Kind{
	fault.BodyTooLarge, fault.TooManyChunks, fault.AmbiguousFraming, fault.BadContentLength, fault.TransferEncodingUnsupported,
	fault.BadChunk, fault.BadHost, fault.HeadersTooLarge, fault.URITooLong, fault.BadHeader, fault.HTTPVersionUnsupported,
	fault.BadRequestLine, fault.MethodNotImplemented, fault.MethodNotAllowed, fault.RequestTimeout, fault.BodyTimeout,
	fault.ExpectationFailed, fault.NoCapacity, fault.Internal,
}

// framingHeaders are those of any HTTP answer, which the document leaves to HTTP.
var framingHeaders = []string{"Connection", "Content-Length", "Content-Type", "Date", "Keep-Alive", "Transfer-Encoding"}

// describe holds an answer against the document: the status of the route, the type of the body,
// the names of the headers, and the form of a refusal.
func (e *edge) describe(raw string, a answerOf) {
	e.t.Helper()
	line, _, _ := strings.Cut(raw, "\r\n")
	part := strings.Fields(line)
	if e.onAdmin || len(part) != 3 || !strings.HasPrefix(part[2], "HTTP/") || a.status < 200 {
		return // another port, a request in pieces, or none
	}
	if problem := e.undescribed(part[0], part[1], a); problem != "" {
		e.t.Errorf("%s %.200s: %s", part[0], part[1], problem)
	}
}

func (e *edge) undescribed(method, target string, a answerOf) (problem string) {
	var refusal struct {
		Error, Code string
		Again       float64 `json:"retry_after_ms"`
	}
	if a.status >= 400 && method != "HEAD" {
		d := json.NewDecoder(strings.NewReader(a.body))
		d.DisallowUnknownFields()
		if err := d.Decode(&refusal); err != nil || refusal.Error == "" || refusal.Code == "" {
			return "the refusal " + a.body + " has not the form of Error"
		}
	}
	n := e.server.router.find(rawPath([]byte(target)), &params{})
	if n == nil {
		return "" // no route
	}
	pattern := n.methods[0].Pattern
	o, found := described().Paths[pattern][strings.ToLower(method)]
	if !found {
		if a.status == 405 || a.status == 501 || slices.ContainsFunc(unread, func(k fault.Kind) bool { return k.Code() == refusal.Code }) {
			return ""
		}
		return "is answered with " + strconv.Itoa(a.status) + " and not described"
	}
	r, found := described().response(&o, strconv.Itoa(a.status))
	if !found {
		if !slices.ContainsFunc(unread, func(k fault.Kind) bool { return k.Code() == refusal.Code }) {
			return strconv.Itoa(a.status) + " is not described: " + a.body
		}
		if r, found = described().response(&o, "default"); !found {
			return "has no default answer"
		}
	}
	if kind := a.header.Get("Content-Type"); r.Content[kind] == nil && method != "HEAD" {
		return "a body of type '" + kind + "' is not described for " + strconv.Itoa(a.status)
	}
	for name := range a.header {
		if !slices.Contains(framingHeaders, name) && r.Headers[name] == nil {
			return "the header " + name + " is not described for " + strconv.Itoa(a.status)
		}
	}
	return ""
}

// Generators name their functions after operationId, and reach every answer through references.
func TestOpenAPIIsWhole(t *testing.T) {
	ids := map[string]string{}
	for path, operations := range described().Paths {
		for method, o := range operations {
			if other := ids[o.ID]; o.ID == "" || other != "" {
				t.Errorf("%s %s has the operationId '%s', as has '%s'", method, path, o.ID, other)
			}
			ids[o.ID] = method + " " + path
			for status := range o.Responses {
				if _, found := described().response(&o, status); !found {
					t.Errorf("%s %s: the answer %s refers to nothing", method, path, status)
				}
			}
			if r, found := described().response(&o, "default"); !found || r.Content["application/json"] == nil && method != "head" {
				t.Errorf("%s %s does not describe the refusals that every route has", method, path)
			}
		}
	}
	var document any
	if err := json.Unmarshal(OpenAPI(), &document); err != nil {
		t.Fatal(err)
	}
	for _, part := range bytes.Split(OpenAPI(), []byte(`"$ref": "#/`))[1:] {
		name, _, _ := bytes.Cut(part, []byte(`"`))
		at := document
		for _, key := range strings.Split(string(name), "/") {
			m, _ := at.(map[string]any)
			at = m[key]
		}
		if at == nil {
			t.Errorf("nothing is at #/%s", name)
		}
	}
}
