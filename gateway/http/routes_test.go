package httpfront

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"sluice/gateway/http/admin"
	"sluice/gateway/http/wire"
	"sluice/internal/fault"
)

var concrete = strings.NewReplacer("{model}/diff", "simple/diff?from=1&to=2", "{model}", "simple", "{version}", "1", "{device}", "fake")

// noRoles has no versions, and makes every change.
type noRoles struct{}

func (noRoles) Versions() []admin.Version                    { return nil }
func (noRoles) History(string, int) ([]admin.Change, error)  { return nil, nil }
func (noRoles) Plan(string) (admin.Plan, error)              { return admin.Plan{}, nil }
func (noRoles) Promote(context.Context, admin.Change) error  { return nil }
func (noRoles) Canary(context.Context, admin.Change) error   { return nil }
func (noRoles) Shadow(context.Context, admin.Change) error   { return nil }
func (noRoles) Rollback(context.Context, admin.Change) error { return nil }
func (noRoles) Hold(context.Context, admin.Change) error     { return nil }
func (noRoles) Release(context.Context, admin.Change) error  { return nil }
func (noRoles) Reject(context.Context, admin.Change) error   { return nil }

// noReview finds nothing.
type noReview struct{}

func (noReview) Diff(context.Context, string, string, string) (any, error) { return struct{}{}, nil }

func (noReview) Score(context.Context, string, string) (any, error)  { return struct{}{}, nil }
func (noReview) Verify(context.Context, string, string) (any, error) { return []int{}, nil }

// noShadows compares nothing.
type noShadows struct{}

func (noShadows) Reports(string) (any, error) { return []int{}, nil }
func (noShadows) Pause(bool)                  {}

// admin starts an admin port beside e.
func (e *edge) admin(change func(*admin.Options)) (addr string) {
	e.t.Helper()
	opt := admin.Options{Front: e.server, Control: e.models, Roles: noRoles{}, Review: noReview{}, Shadows: noShadows{}, Features: func() any { return struct{}{} }, Hosts: []string{"h"}, Reopen: reopenFake, Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "up 1\n")
	})}
	if change != nil {
		change(&opt)
	}
	a, err := admin.New(opt)
	if err != nil {
		e.t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		e.t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- a.Serve(ln) }()
	e.t.Cleanup(func() {
		if err := a.Shutdown(context.Background()); err != nil {
			e.t.Error(err)
		}
		if err := <-done; err != nil {
			e.t.Error(err)
		}
	})
	return ln.Addr().String()
}

// reopenFake knows one device.
func reopenFake(name string) error {
	if name != "fake" {
		return fault.Newf(fault.NotFound, "there is no device '%s'", name)
	}
	return nil
}

// at returns e with its admin port.
func (e *edge) at(addr string) *edge {
	other := *e
	other.addr, other.onAdmin = addr, true
	return &other
}

// All routes on both ports: each has a class, answers on its own port and is unknown on the other.
func TestRoutesOfBothPorts(t *testing.T) {
	e := serve(t, fixtures(), nil)
	control := e.at(e.admin(nil))
	type key struct{ method, path string }
	onAdmin := map[key]bool{}
	for _, r := range admin.Routes() {
		onAdmin[key{r.Method, concrete.Replace(r.Pattern)}] = true
	}
	onPredict := map[key]bool{}
	for _, r := range PredictRoutes() {
		if r.Class != Public && r.Class != Infer {
			t.Errorf("predict port: %s %s is of class %d", r.Method, r.Pattern, r.Class)
		}
		k := key{r.Method, concrete.Replace(r.Pattern)}
		onPredict[k] = true
		if a := e.send(request(r.Method, k.path, "")); a.status == 404 || a.status == 405 {
			t.Errorf("predict port: %s %s got %d", k.method, k.path, a.status)
		}
		if a := control.send(request(r.Method, k.path, "")); !onAdmin[k] && a.status != 404 && a.status != 405 {
			t.Errorf("admin port: %s %s got %d", k.method, k.path, a.status)
		}
	}
	for _, r := range admin.Routes() {
		k := key{r.Method, concrete.Replace(r.Pattern)}
		if r.Class < admin.Public || r.Class > admin.Profile {
			t.Errorf("admin port: %s %s is of class %d", r.Method, r.Pattern, r.Class)
		}
		if a := e.send(request(r.Method, k.path, "")); !onPredict[k] && a.status != 404 {
			t.Errorf("predict port: %s %s got %d", k.method, k.path, a.status)
		}
		if strings.HasPrefix(k.path, "/debug/pprof/profile") || strings.HasPrefix(k.path, "/debug/pprof/trace") {
			continue // they take seconds
		}
		body := ""
		switch {
		case strings.HasSuffix(k.path, "/canary"):
			body = `{"version":"1","share":0.5}`
		case strings.HasSuffix(k.path, "/pause"):
			body = `{"paused":true}`
		case strings.HasSuffix(k.path, "/promote"), strings.HasSuffix(k.path, "/reject"), strings.HasSuffix(k.path, "/shadow"):
			body = `{"version":"1"}`
		}
		if a := control.send(request(r.Method, k.path, body)); a.status != 200 {
			t.Errorf("admin port: %s %s got %d %s", k.method, k.path, a.status, a.body)
		}
	}
}

// Every route on every port, for each kind of stranger, against one table.
func TestEveryRouteForEveryStranger(t *testing.T) {
	e := serve(t, fixtures(), nil)
	type answers [admin.Profile + 1]int // by class; 0 is served
	const none, bad, good, origin, foreign = "", "Authorization: Bearer no\r\n", "Authorization: Bearer secret\r\n", "Origin: http://192.0.2.1\r\n", "Host: evil.example\r\n"
	closed := answers{admin.Public: 403, admin.Closed: 403, admin.Operate: 403, admin.Scrape: 403, admin.Profile: 403}
	token := answers{admin.Closed: 401, admin.Operate: 401, admin.Scrape: 401, admin.Profile: 401}
	metricsOnly := answers{admin.Closed: 404, admin.Operate: 404, admin.Profile: 404}
	for _, port := range []struct {
		name  string
		at    *edge
		table map[string]answers
	}{
		{"predict", e, map[string]answers{
			none: {admin.Closed: 404, admin.Operate: 404, admin.Scrape: 404, admin.Profile: 404},
			good: {admin.Closed: 404, admin.Operate: 404, admin.Scrape: 404, admin.Profile: 404},
		}},
		{"admin", e.at(e.admin(nil)), map[string]answers{none: {}, bad: {}, origin: closed, foreign: closed}},
		{"admin with a token", e.at(e.admin(func(o *admin.Options) { o.Tokens = []admin.Token{{Name: "admin", Operate: true, Secret: "secret"}} })), map[string]answers{
			none: token, bad: token, good: {}, origin: closed, foreign: closed, origin + good: closed, foreign + good: closed,
		}},
		{"metrics", e.at(e.admin(func(o *admin.Options) { o.MetricsOnly = true })), map[string]answers{
			none: metricsOnly, bad: metricsOnly, foreign: metricsOnly, origin: closed,
		}},
	} {
		for headers, table := range port.table {
			if !strings.Contains(headers, "Host:") {
				headers += "Host: h\r\n"
			}
			for _, r := range admin.Routes() {
				path, method := concrete.Replace(r.Pattern), r.Method
				if r.Class == admin.Profile {
					method = "HEAD" // the same, and takes no profile
				}
				if port.name == "predict" && onPredictPort(r.Pattern) {
					continue
				}
				want := table[r.Class]
				status, challenge := port.at.status(method, path, headers)
				if want != 0 && status != want || want == 0 && (status == 401 || status == 403 || status == 404 && !strings.Contains(path, "devices")) {
					t.Errorf("%s: %s %s with %q got %d, want %d", port.name, method, path, headers, status, want)
				}
				if (status == 401) != (challenge == "Bearer") {
					t.Errorf("%s: %s %s got %d with the challenge %q", port.name, method, path, status, challenge)
				}
			}
		}
	}
}

// status asks on a connection of its own.
func (e *edge) status(method, path, headers string) (status int, challenge string) {
	e.t.Helper()
	c := e.dial()
	defer c.Close()
	if _, err := io.WriteString(c, method+" "+path+" HTTP/1.1\r\nContent-Length: 0\r\n"+headers+"\r\n"); err != nil {
		e.t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil {
		e.t.Fatal(err)
	}
	return response.StatusCode, response.Header.Get("WWW-Authenticate")
}

func onPredictPort(pattern string) bool {
	return slices.ContainsFunc(PredictRoutes(), func(r Route) bool { return r.Pattern == pattern })
}

// Case 47: unload and load, on the admin port only.
func TestUnloadAndLoad(t *testing.T) {
	e := serve(t, fixtures(), nil)
	port := e.at(e.admin(nil))
	infer := func(want int) {
		t.Helper()
		if a := e.send(post(simpleInfer, simpleBody(""))); a.status != want {
			t.Fatalf("infer got %d %s, want %d", a.status, a.body, want)
		}
	}
	control := func(verb, model, body string, want int) {
		t.Helper()
		a := port.send(post("/v2/repository/models/"+model+"/"+verb, body))
		if a.status != want || want == 200 && a.body != "" {
			t.Fatalf("%s %s %s got %d %s, want %d", verb, model, body, a.status, a.body, want)
		}
	}
	infer(200)
	control("unload", "simple", `{"parameters":{"unload_dependents":false}}`, 200)
	infer(404)
	control("load", "simple", "", 200)
	infer(200)
	control("load", "nope", "{}", 404)
	control("load", "a%20b", "{}", 400)
	control("load", "simple", `{"parameters":{"config":"{}"}}`, 501)
	control("load", "simple", `{`, 400)
}

// The OpenAPI description and the route table say the same.
func TestOpenAPIMatchesRoutes(t *testing.T) {
	var document struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(OpenAPI(), &document); err != nil {
		t.Fatal(err)
	}
	described := map[string]bool{}
	for path, methods := range document.Paths {
		for method := range methods {
			described[strings.ToUpper(method)+" "+path] = true
		}
	}
	for _, r := range PredictRoutes() {
		for method := range strings.SplitSeq(wire.Allow(r.Method), ", ") {
			if line := method + " " + r.Pattern; !described[line] {
				t.Errorf("%s is not described", line)
			} else {
				delete(described, line)
			}
		}
	}
	for _, line := range slices.Sorted(maps.Keys(described)) {
		t.Errorf("%s is described and not served", line)
	}
	e := serve(t, fixtures(), nil)
	if a := e.send(get("/openapi.json")); a.status != 200 || a.body != string(OpenAPI()) {
		t.Errorf("/openapi.json got %d and %d bytes", a.status, len(a.body))
	}
}

func TestRouter(t *testing.T) {
	r := newRouter("/base", predictRoutes)
	f := func(path, model, version string, found bool) {
		t.Helper()
		var p params
		n := r.find([]byte(path), &p)
		if (n != nil) != found || string(p.model) != model || string(p.version) != version {
			t.Errorf("%s: found %v with model %q and version %q", path, n != nil, p.model, p.version)
		}
	}
	f("/base/v2/models/m/infer", "m", "", true)
	f("/base/v2/models/m/versions/3/infer", "m", "3", true)
	f("/base/v2/models/stats", "", "", true)
	f("/base/v2/models/stats/infer", "stats", "", true)
	f("/base/v1/models/m:predict", "m", "", true)
	f("/base/v1/models/a:b:predict", "a:b", "", true)
	f("/base/v1/models/m/versions/3:predict", "m", "3", true)
	f("/base/v1/models/m%3Apredict", "m", "", true)
	f("/base/v1/models/m%3apredict", "m", "", true)
	f("/base/v1/models/m/versions/3%3Apredict", "m", "3", true)
	f("/base/v1/models/m/versions/3%3apredict", "m", "3", true)
	f("/base/v1/models/a%3Ab%3Apredict", "a%3Ab", "", true)
	f("/base/v1/models/%6d%3Apredict", "%6d", "", true)
	f("/base/v1/models/m%253Apredict", "m%253Apredict", "", true)
	f("/base/v1/models/m%3Bpredict", "m%3Bpredict", "", true)
	f("/base/v1/models/m%3Apredict/", "", "", false)
	f("/base/v1/models%2Fm%3Apredict", "", "", false)
	f("/base/v1/models/%3Apredict", "", "", true)
	f("/base/v1/models/predict", "predict", "", true)
	f("/base/v1/models/Apredict", "Apredict", "", true)
	f("/base/v1/models/m:explain", "m:explain", "", true)
	f("/base", "", "", false)
	f("/base/", "", "", true)
	f("/v2", "", "", false)
	f("/basev2", "", "", false)
	f("/base/v2/models/m/infer/", "", "", false)
	f("/base/v2/models/m/versions/3/4/infer", "", "", false)
}

func TestRawPath(t *testing.T) {
	f := func(target, want string) {
		t.Helper()
		if got := string(rawPath([]byte(target))); got != want {
			t.Errorf("%s: got %s, want %s", target, got, want)
		}
	}
	f("/v2?x=/y", "/v2")
	f("/v2#x", "/v2")
	f("http://h:1/v2?x", "/v2")
	f("http://h", "/")
	f("*", "*")
	f("/a/../b", "/a/../b")
}
