package httpfront

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
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

// Whoever takes a profile, or has only connected, does not make the end of the server a fault.
func TestAdminEndsBesideItsCallers(t *testing.T) {
	asked := make(chan struct{})
	e := serve(t, fixtures(), nil)
	a, err := NewAdmin(AdminOptions{Models: e.models, Control: e.models, Server: e.server, Metrics: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(asked)
		<-r.Context().Done()
	})})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- a.Serve(ln) }()
	for _, said := range []string{"", "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"} {
		conn, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, said); err != nil {
			t.Fatal(err)
		}
	}
	<-asked
	late, cancel := context.WithCancel(context.Background())
	cancel()
	if err := a.Shutdown(late); err != nil {
		t.Errorf("the end of the port is a fault: %v", err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
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
		if r.Class == Infer {
			t.Errorf("%s %s is of a class of the predict port", r.Method, r.Pattern)
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

// Without a token an address in Host must be the one that the request came to: a page that a browser
// got from elsewhere cannot name it.
func TestAdminHostsWithoutToken(t *testing.T) {
	e := serve(t, fixtures(), nil)
	admin := e.at(e.admin(func(o *AdminOptions) { o.Hosts = []string{"ops.example", "10.9.9.9"} }))
	for host, want := range map[string]int{
		"localhost": 200, "LOCALHOST:8081": 200, "127.0.0.1": 200, "127.0.0.1:9": 200, "[::ffff:127.0.0.1]:8081": 200, "ops.example": 200, "10.9.9.9:1": 200,
		"127.0.0.2": 403, "10.1.2.3": 403, "[::1]": 403, "0.0.0.0": 403, "localhost.evil.example": 403, "127.0.0.1.evil.example": 403,
	} {
		if a := admin.send("GET /metrics HTTP/1.1\r\nHost: " + host + "\r\n\r\n"); a.status != want {
			t.Errorf("Host: %s got %d, want %d", host, a.status, want)
		}
	}
}

// Every route on every port, for each kind of stranger, against one table.
func TestEveryRouteForEveryStranger(t *testing.T) {
	e := serve(t, fixtures(), nil)
	type answers [Profile + 1]int // by class; 0 is served
	const none, bad, good, origin, foreign = "", "Authorization: Bearer no\r\n", "Authorization: Bearer secret\r\n", "Origin: http://192.0.2.1\r\n", "Host: evil.example\r\n"
	closed := answers{Public: 403, AdminOnly: 403, Scrape: 403, Profile: 403}
	token := answers{AdminOnly: 401, Scrape: 401, Profile: 401}
	metricsOnly := answers{AdminOnly: 404, Profile: 404}
	for _, port := range []struct {
		name  string
		at    *edge
		table map[string]answers
	}{
		{"predict", e, map[string]answers{
			none: {AdminOnly: 404, Scrape: 404, Profile: 404}, good: {AdminOnly: 404, Scrape: 404, Profile: 404},
		}},
		{"admin", e.at(e.admin(nil)), map[string]answers{none: {}, bad: {}, origin: closed, foreign: closed}},
		{"admin with a token", e.at(e.admin(func(o *AdminOptions) { o.Token = "secret" })), map[string]answers{
			none: token, bad: token, good: {}, origin: closed, foreign: closed, origin + good: closed, foreign + good: closed,
		}},
		{"metrics", e.at(e.admin(func(o *AdminOptions) { o.MetricsOnly = true })), map[string]answers{
			none: metricsOnly, bad: metricsOnly, foreign: metricsOnly, origin: closed,
		}},
	} {
		for headers, table := range port.table {
			if !strings.Contains(headers, "Host:") {
				headers += "Host: h\r\n"
			}
			for _, r := range AdminRoutes() {
				path, method := concrete.Replace(r.Pattern), r.Method
				if r.Class == Profile {
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

// Beyond loopback profiles are for a token.
func TestProfilesBeyondLoopback(t *testing.T) {
	e := serve(t, fixtures(), nil)
	f := func(token, local string, want int) {
		t.Helper()
		a, err := NewAdmin(AdminOptions{Models: e.models, Control: e.models, Server: e.server, Token: token})
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest("GET", "http://"+local+"/debug/pprof/cmdline", nil)
		r = r.WithContext(context.WithValue(t.Context(), http.LocalAddrContextKey, &net.TCPAddr{IP: net.ParseIP(local)}))
		r.Header.Set("Authorization", "Bearer secret")
		w := httptest.NewRecorder()
		if a.server.Handler.ServeHTTP(w, r); w.Code != want {
			t.Errorf("token %q at %s got %d, want %d", token, local, w.Code, want)
		}
	}
	f("", "127.0.0.1", 200)
	f("", "10.0.0.1", 403)
	f("secret", "10.0.0.1", 200)
	f("other", "10.0.0.1", 401)
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
