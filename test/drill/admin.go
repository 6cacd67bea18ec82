package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
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
func (d *drill) adminClosed() (v verdict, err error) {
	const token = "drill-token-0123456789"
	file := filepath.Join(d.dir, "token")
	if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
		return v, err
	}
	g, err := d.serve("--models", examples, "--admin-token-file", file)
	if err != nil {
		return v, err
	}
	defer g.Stop(stopLimit)                    //nolint:errcheck // the figures are in
	open, err := d.serve("--models", examples) // on loopback, without a token
	if err != nil {
		return v, err
	}
	defer open.Stop(stopLimit) //nolint:errcheck // likewise
	client := &http.Client{Timeout: 10 * time.Second}
	asked, differs := 0, []string{}
	ask := func(addr, route string, want []int, prepare func(*http.Request)) error {
		method, path, _ := strings.Cut(route, " ")
		req, err := http.NewRequest(method, "http://"+addr+path, nil)
		if err != nil {
			return err
		}
		prepare(req)
		res, err := client.Do(req)
		if err != nil {
			return err
		}
		res.Body.Close()
		asked++
		for _, w := range want {
			if res.StatusCode == w {
				return nil
			}
		}
		differs = append(differs, fmt.Sprintf("%s on %s was answered %d, want %v", route, addr, res.StatusCode, want))
		return nil
	}
	with := func(header, value string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Set("Authorization", "Bearer "+token)
			r.Header.Set(header, value)
		}
	}
	for _, route := range controls {
		closed := []int{http.StatusUnauthorized}
		err = errors.Join(err,
			ask(g.Admin, route, closed, func(*http.Request) {}),
			ask(g.Admin, route, closed, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token[1:]) }),
			ask(g.Admin, route, closed, func(r *http.Request) { r.Header.Set("Authorization", "Basic "+token) }),
			ask(g.Admin, route, []int{http.StatusForbidden}, with("Origin", "http://192.0.2.1")),
			ask(g.Admin, route, []int{http.StatusForbidden}, with("Sec-Fetch-Site", "cross-site")),
			ask(g.Admin, route, []int{http.StatusForbidden}, func(r *http.Request) {
				r.Header.Set("Authorization", "Bearer "+token)
				r.Host = "attacker.example" // with a token any address is right, which a proxy may have translated
			}),
			ask(open.Admin, route, []int{http.StatusForbidden}, func(r *http.Request) { r.Host = "attacker.example" }),
			ask(open.Admin, route, []int{http.StatusForbidden}, func(r *http.Request) { r.Host = "192.0.2.1" }),
			ask(open.Admin, route, []int{http.StatusForbidden}, func(r *http.Request) { r.Header.Set("Origin", "http://192.0.2.1") }))
		if !strings.Contains(route, "index") { // the predict port answers that one too
			err = errors.Join(err, ask(g.Predict, route, []int{http.StatusNotFound, http.StatusMethodNotAllowed}, with("X-Drill", "1")))
		}
	}
	if err != nil {
		return v, err
	}
	for _, on := range []string{g.Predict, open.Predict} {
		status, body, err := rig.Get(on, "/v2/models/digits/ready")
		if err != nil {
			return v, err
		}
		if status != http.StatusOK {
			differs = append(differs, fmt.Sprintf("after the walk digits is not ready: %s", body))
		}
	}
	v.held = len(differs) == 0
	v.figure = fmt.Sprintf("%d requests without the right, %d answered otherwise than the table says", asked, len(differs))
	if len(differs) > 0 {
		v.figure += ": " + strings.Join(differs[:min(3, len(differs))], "; ")
	}
	return v, nil
}
