package docs

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sluice/config"
	httpfront "sluice/gateway/http"
	"sluice/gateway/http/admin"
	"sluice/gateway/http/wire"
	"sluice/internal/fault"
)

const root = "../.."

// page reads a page of the repository.
func page(t *testing.T, path string) *Page {
	t.Helper()
	p, err := Read(root + "/" + path)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// rows reads columns of the first table under a heading, one text a row.
func rows(t *testing.T, p *Page, section string, heads ...string) (all []string) {
	t.Helper()
	table, err := p.Table(section)
	if err != nil {
		t.Fatal(err)
	}
	for i, head := range heads {
		column, err := table.Column(head)
		if err != nil {
			t.Fatalf("%s: %v", p.Path, err)
		}
		if i == 0 {
			all = column
			continue
		}
		for n := range all {
			all[n] += " | " + column[n]
		}
	}
	return all
}

// same compares what a page says with what the code says, in both directions.
func same(t *testing.T, where string, page, code []string) {
	t.Helper()
	for _, line := range page {
		if n := count(page, line); n > 1 {
			t.Errorf("%s has %q %d times", where, line, n)
		}
		if !slices.Contains(code, line) {
			t.Errorf("%s has %q, which the code has not", where, line)
		}
	}
	for _, line := range code {
		if !slices.Contains(page, line) {
			t.Errorf("%s lacks %q, which the code has", where, line)
		}
	}
}

func count(all []string, line string) (n int) {
	for _, other := range all {
		if other == line {
			n++
		}
	}
	return n
}

func TestRoutes(t *testing.T) {
	ports := map[string]string{}
	for _, r := range httpfront.PredictRoutes() {
		ports[r.Method+" "+r.Pattern] = "predict"
	}
	for _, r := range admin.Routes() {
		route := r.Method + " " + r.Pattern
		if ports[route] != "" {
			ports[route] = "both"
		} else {
			ports[route] = "admin"
		}
	}
	var code []string
	for route, port := range ports {
		code = append(code, route+" | "+port)
	}
	same(t, "docs/http.md, Routes,", rows(t, page(t, "docs/http.md"), "Routes", "Route", "Port"), code)
}

func TestHeaders(t *testing.T) {
	source, err := ReadSource(true, nil, root+"/gateway/http", root+"/internal/http1")
	if err != nil {
		t.Fatal(err)
	}
	p := page(t, "docs/http.md")
	requests, responses := rows(t, p, "Request headers", "Header"), rows(t, p, "Response headers", "Header")
	code := source.Headers()
	all := append(slices.Clone(requests), responses...)
	slices.Sort(all)
	same(t, "docs/http.md, headers,", slices.Compact(all), slices.Collect(maps.Keys(code)))
	for name, use := range code {
		if use.Read && !slices.Contains(requests, name) {
			t.Errorf("docs/http.md lacks %s among the request headers, which the code reads", name)
		}
		if use.Written && !slices.Contains(responses, name) {
			t.Errorf("docs/http.md lacks %s among the response headers, which the code writes", name)
		}
	}
}

func TestCodesAndStatuses(t *testing.T) {
	var codes []string
	statuses := map[string]bool{"100": true, "200": true}
	for _, kind := range fault.Kinds() {
		status, retry := wire.Status(kind), wire.RetryAfter(&fault.Error{Kind: kind}) > 0
		again := "no"
		if retry {
			again = "yes"
		}
		codes = append(codes, fmt.Sprintf("%s | %d | %s", kind.Code(), status, again))
		statuses[strconv.Itoa(status)] = true
	}
	p := page(t, "docs/http.md")
	same(t, "docs/http.md, Codes,", rows(t, p, "Codes", "Code", "Status", "Again"), codes)
	same(t, "docs/http.md, Statuses,", rows(t, p, "Statuses", "Status"), slices.Collect(maps.Keys(statuses)))
}

func TestLimits(t *testing.T) {
	var code []string
	for _, o := range config.Options() {
		if strings.HasPrefix(o.Path, "limits.") {
			code = append(code, o.Path+" | "+o.Default)
		}
	}
	same(t, "docs/http.md, Limits,", rows(t, page(t, "docs/http.md"), "Limits", "Setting", "Default"), code)
}

// The fields and parameters that the decoder knows are in the page, and the page's table of
// fields names no others.
func TestFields(t *testing.T) {
	p := page(t, "docs/http.md")
	shown := rows(t, p, "A prediction", "Field")
	var code []string
	for _, name := range stringsOf(t, "internal/oip", "topKeys") {
		if name != "parameters" {
			code = append(code, name)
		}
	}
	word := regexp.MustCompile(`^[a-z][a-z_]+[a-z]$`)
	for _, name := range stringsOf(t, "internal/oip", "parameter") {
		if word.MatchString(name) && !strings.HasPrefix(name, "sequence_") {
			code = append(code, "parameters."+name)
		}
	}
	same(t, "docs/http.md, fields,", shown, code)
	named := slices.Concat(stringsOf(t, "internal/oip", "parameterKeys"), stringsOf(t, "internal/oip", "parameter"),
		stringsOf(t, "internal/oip/wire", "entryKeys"), stringsOf(t, "internal/oip/wire", "SizeKeys"))
	for _, name := range named {
		if word.MatchString(name) && !regexp.MustCompile("`[^`\n]*\\b"+name+"\\b[^`\n]*`").MatchString(p.Text) {
			t.Errorf("docs/http.md does not name %q, which the decoder knows", name)
		}
	}
}

// The reasons that Sluice-Device gives are those of the scheduler.
func TestReasons(t *testing.T) {
	same(t, "docs/http.md, Reasons,", rows(t, page(t, "docs/http.md"), "Reasons", "Reason"), stringsOf(t, "batcher/policy", "detourNames"))
}

// stringsOf are the texts of a declaration in the code.
func stringsOf(t *testing.T, dir, name string) []string {
	t.Helper()
	source, err := ReadSource(false, nil, root+"/"+dir)
	if err != nil {
		t.Fatal(err)
	}
	all := source.Strings(name)
	if len(all) == 0 {
		t.Fatalf("%s declares no %s with texts: name in this test what holds them now", dir, name)
	}
	return all
}
