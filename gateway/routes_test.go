package gateway

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"sluice/internal/fault"
)

var concrete = strings.NewReplacer("{model}", "simple", "{version}", "1", "{device}", "fake")

// admin starts an admin port beside e.
func (e *edge) admin(change func(*AdminOptions)) (addr string) {
	e.t.Helper()
	opt := AdminOptions{Models: e.models, Control: e.models, Server: e.server, Hosts: []string{"h"}, Reopen: reopenFake, Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "up 1\n")
	})}
	if change != nil {
		change(&opt)
	}
	a, err := NewAdmin(opt)
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

// All routes on both ports: each answers on its own port and is unknown on the other,
// and no class of the admin port is on the predict port.
func TestRoutesOfBothPorts(t *testing.T) {
	e := serve(t, fixtures(), nil)
	admin := e.at(e.admin(nil))
	type key struct{ method, path string }
	onAdmin := map[key]bool{}
	for _, r := range AdminRoutes() {
		onAdmin[key{r.Method, concrete.Replace(r.Pattern)}] = true
	}
	onPredict := map[key]bool{}
	for _, r := range PredictRoutes() {
		if r.Class != Public && r.Class != Infer {
			t.Errorf("%s %s of class %d is on the predict port", r.Method, r.Pattern, r.Class)
		}
		k := key{r.Method, concrete.Replace(r.Pattern)}
		onPredict[k] = true
		if a := e.send(request(r.Method, k.path, "")); a.status == 404 || a.status == 405 {
			t.Errorf("predict port: %s %s got %d", k.method, k.path, a.status)
		}
		if a := admin.send(request(r.Method, k.path, "")); !onAdmin[k] && a.status != 404 && a.status != 405 {
			t.Errorf("admin port: %s %s got %d", k.method, k.path, a.status)
		}
	}
	for _, r := range AdminRoutes() {
		k := key{r.Method, concrete.Replace(r.Pattern)}
		if r.Class != Public && r.Class != AdminOnly {
			t.Errorf("%s %s has class %d", r.Method, r.Pattern, r.Class)
		}
		if a := e.send(request(r.Method, k.path, "")); !onPredict[k] && a.status != 404 {
			t.Errorf("predict port: %s %s got %d", k.method, k.path, a.status)
		}
		if strings.HasPrefix(k.path, "/debug/pprof/profile") || strings.HasPrefix(k.path, "/debug/pprof/trace") {
			continue // they take seconds
		}
		if a := admin.send(request(r.Method, k.path, "")); a.status != 200 {
			t.Errorf("admin port: %s %s got %d %s", k.method, k.path, a.status, a.body)
		}
	}
}

func TestReopenedDevice(t *testing.T) {
	e := serve(t, fixtures(), nil)
	var asked []string
	admin := e.at(e.admin(func(o *AdminOptions) {
		o.Reopen = func(name string) error { asked = append(asked, name); return reopenFake(name) }
	}))
	none := e.at(e.admin(func(o *AdminOptions) { o.Reopen = nil }))
	f := func(at *edge, device string, status int, text string) {
		t.Helper()
		if a := at.send(request("POST", "/v2/devices/"+device+"/reopen", "")); a.status != status || !strings.Contains(string(a.body), text) {
			t.Errorf("reopening %q got %d %s, want %d with %q", device, a.status, a.body, status, text)
		}
	}
	f(admin, "fake", 200, "")
	f(admin, "cuda:0", 404, "there is no device 'cuda:0'")
	f(admin, strings.Repeat("x", 65), 404, "there is no device of 65 characters")
	f(none, "fake", 404, "there is no device 'fake'")
	if got := strings.Join(asked, " "); got != "fake cuda:0" {
		t.Errorf("asked to reopen %q", got)
	}
}

// The admin port is closed to other sites and, with a token, to strangers.
func TestAdminIsClosed(t *testing.T) {
	e := serve(t, fixtures(), nil)
	admin := e.at(e.admin(func(o *AdminOptions) { o.Token, o.Hosts = "secret", []string{"ops.example"} }))
	const bearer = "Authorization: Bearer secret\r\n"
	f := func(headers string, public, closed int) {
		t.Helper()
		for _, r := range AdminRoutes() {
			if strings.HasPrefix(r.Pattern, "/debug/pprof/") && closed == 200 {
				continue
			}
			want := closed
			if r.Class == Public {
				want = public
			}
			raw := r.Method + " " + concrete.Replace(r.Pattern) + " HTTP/1.1\r\nContent-Length: 0\r\n" + headers + "\r\n"
			if a := admin.send(raw); a.status != want {
				t.Errorf("%s %s with %q got %d, want %d", r.Method, r.Pattern, headers, a.status, want)
			}
		}
	}
	f("Host: localhost\r\n", 200, 401)
	f("Host: localhost\r\nAuthorization: Bearer other\r\n", 200, 401)
	f("Host: localhost\r\nAuthorization: secret\r\n", 200, 401)
	f("Host: localhost\r\nAuthorization: Basic secret\r\n", 200, 401)
	f("Host: localhost\r\nAuthorization: bearer  secret\r\n", 200, 401)
	f("Host: localhost\r\nAuthorization: bearer secret2\r\n", 200, 401)
	f("Host: localhost\r\nAuthorization: bearer SECRET\r\n", 200, 401)
	f("Host: localhost\r\nauthorization: bearer secret\r\n", 200, 200)
	f("Host: localhost\r\nAuthorization: BEARER secret\r\n", 200, 200)
	f("Host: evil.example\r\n"+bearer, 403, 403)
	f("Host: localhost.evil.example\r\n"+bearer, 403, 403)
	f("Host: localhost\r\nOrigin: http://localhost\r\n"+bearer, 403, 403)
	f("Host: localhost\r\nSec-Fetch-Site: cross-site\r\n"+bearer, 403, 403)
	f("Host: localhost\r\nSec-Fetch-Site: none\r\n"+bearer, 200, 200)
	f("Host: ops.example:8081\r\n"+bearer, 200, 200)
	f("Host: [::1]:8081\r\n"+bearer, 200, 200)
	f("Host: 10.1.2.3:8081\r\n"+bearer, 200, 200)
}

// Case 47: unload and load, on the admin port only.
func TestUnloadAndLoad(t *testing.T) {
	e := serve(t, fixtures(), nil)
	admin := e.at(e.admin(nil))
	infer := func(want int) {
		t.Helper()
		if a := e.send(post(simpleInfer, simpleBody(""))); a.status != want {
			t.Fatalf("infer got %d %s, want %d", a.status, a.body, want)
		}
	}
	control := func(verb, model, body string, want int) {
		t.Helper()
		a := admin.send(post("/v2/repository/models/"+model+"/"+verb, body))
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
		for method := range strings.SplitSeq(allowList(r.Method), ", ") {
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
