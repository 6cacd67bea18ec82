package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sluice/test/rig"
)

// controls are the routes that change or reveal something.
var controls = []string{
	"POST /v2/repository/models/digits/load", "POST /v2/repository/models/digits/unload", "POST /v2/repository/index", "GET /metrics",
	"GET /debug/pprof/", "GET /debug/pprof/heap", "GET /debug/pprof/cmdline", "GET /debug/pprof/profile?seconds=1", "GET /debug/pprof/symbol", "GET /debug/pprof/trace?seconds=1",
}

// adminClosed is P20.
func (t *trial) adminClosed() (v verdict) {
	const token = "drill-token-0123456789"
	file := filepath.Join(t.dir, "token")
	t.must(os.WriteFile(file, []byte(token+"\n"), 0o600))
	g := t.serve("--models", examples, "--admin-token-file", file)
	open := t.serve("--models", examples) // on loopback, without a token
	client := &http.Client{Timeout: 10 * time.Second}
	asked, differs := 0, []string{}
	ask := func(addr, route string, want []int, prepare func(*http.Request)) {
		method, path, _ := strings.Cut(route, " ")
		req, err := http.NewRequest(method, "http://"+addr+path, nil)
		t.must(err)
		prepare(req)
		res, err := client.Do(req)
		t.must(err)
		res.Body.Close()
		asked++
		if !slices.Contains(want, res.StatusCode) {
			differs = append(differs, fmt.Sprintf("%s on %s was answered %d, want %v", route, addr, res.StatusCode, want))
		}
	}
	with := func(header, value string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Set("Authorization", "Bearer "+token)
			r.Header.Set(header, value)
		}
	}
	closed, forbidden := []int{http.StatusUnauthorized}, []int{http.StatusForbidden}
	for _, route := range controls {
		ask(g.Admin, route, closed, func(*http.Request) {})
		ask(g.Admin, route, closed, with("Authorization", "Bearer "+token[1:]))
		ask(g.Admin, route, closed, with("Authorization", "Basic "+token))
		ask(g.Admin, route, forbidden, with("Origin", "http://192.0.2.1"))
		ask(g.Admin, route, forbidden, with("Sec-Fetch-Site", "cross-site"))
		ask(g.Admin, route, forbidden, func(r *http.Request) {
			r.Header.Set("Authorization", "Bearer "+token)
			r.Host = "attacker.example" // with a token any address is right, which a proxy may have translated
		})
		ask(open.Admin, route, forbidden, func(r *http.Request) { r.Host = "attacker.example" })
		ask(open.Admin, route, forbidden, func(r *http.Request) { r.Host = "192.0.2.1" })
		ask(open.Admin, route, forbidden, func(r *http.Request) { r.Header.Set("Origin", "http://192.0.2.1") })
		if !strings.Contains(route, "index") { // the predict port answers that one too
			ask(g.Predict, route, []int{http.StatusNotFound, http.StatusMethodNotAllowed}, with("X-Drill", "1"))
		}
	}
	for _, on := range []string{g.Predict, open.Predict} {
		status, body, err := rig.Get(on, "/v2/models/digits/ready")
		t.must(err)
		if status != http.StatusOK {
			differs = append(differs, fmt.Sprintf("after the walk digits is not ready: %s", body))
		}
	}
	v.held = len(differs) == 0
	v.figure = fmt.Sprintf("%d requests without the right, %d answered otherwise than the table says", asked, len(differs))
	if len(differs) > 0 {
		v.figure += ": " + strings.Join(differs[:min(3, len(differs))], "; ")
	}
	return v
}
