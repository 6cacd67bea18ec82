package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"sluice/internal/fault"
)

// fakeRoles remembers what it was asked for, and another holds the lease of the model "foreign".
type fakeRoles struct{ asked []string }

// heldElsewhere says where changes are made.
type heldElsewhere struct{ error }

func (heldElsewhere) AdminAddress() string { return "10.0.0.7:8081" }

func (f *fakeRoles) note(verb string, c Change) error {
	if c.Model == "foreign" {
		return fault.Wrap(fault.Conflict, heldElsewhere{errors.New("held")}, "another gateway holds the lease")
	}
	f.asked = append(f.asked, fmt.Sprintf("%s %s/%s by %s key %s: %s", verb, c.Model, c.Version, c.Who, c.Key, c.Reason))
	return nil
}

func (f *fakeRoles) Versions() []Version {
	return []Version{{Model: "m", Version: "2", State: "READY", Role: "live"}, {Model: "simple", Version: "3", State: "READY", Role: "live"}}
}

func (f *fakeRoles) History(model string, most int) ([]Change, error) {
	return []Change{{Who: "alice", Action: "promote", Model: model, Generation: uint64(most)}}, nil //nolint:gosec // a test's own number
}

func (f *fakeRoles) Plan(model string) (Plan, error) {
	return Plan{Model: model, Phase: "canary"}, nil
}

func (f *fakeRoles) Promote(_ context.Context, c Change) error { return f.note("promote", c) }
func (f *fakeRoles) Canary(_ context.Context, c Change) error {
	return f.note(fmt.Sprint("canary ", c.Share), c)
}

func (f *fakeRoles) Shadow(_ context.Context, c Change) error {
	return f.note(fmt.Sprint("shadow ", c.On), c)
}
func (f *fakeRoles) Rollback(_ context.Context, c Change) error { return f.note("rollback", c) }
func (f *fakeRoles) Hold(_ context.Context, c Change) error     { return f.note("hold", c) }
func (f *fakeRoles) Release(_ context.Context, c Change) error  { return f.note("release", c) }
func (f *fakeRoles) Reject(_ context.Context, c Change) error   { return f.note("reject", c) }

// Every route, whoever asks.
func TestWhoMayDoWhat(t *testing.T) {
	port := serve(t, func(o *Options) {
		o.Tokens, o.Roles, o.Hosts = []Token{{"alice", true, "operates"}, {"bob", false, "reads"}}, &fakeRoles{}, nil
	})
	who := []struct{ name, headers string }{
		{"no token", "Host: localhost\r\n"},
		{"wrong", "Host: localhost\r\nAuthorization: Bearer other\r\n"},
		{"read", "Host: localhost\r\nAuthorization: Bearer reads\r\n"},
		{"operate", "Host: localhost\r\nAuthorization: Bearer operates\r\n"},
		{"foreign host", "Host: evil.example\r\nAuthorization: Bearer operates\r\n"},
		{"origin", "Host: localhost\r\nOrigin: http://localhost\r\nAuthorization: Bearer operates\r\n"},
	}
	want := map[Class][]int{
		Public:  {200, 200, 200, 200, 403, 403},
		Closed:  {401, 401, 200, 200, 403, 403},
		Scrape:  {401, 401, 200, 200, 403, 403},
		Operate: {401, 401, 403, 200, 403, 403},
		Profile: {401, 401, 403, 200, 403, 403},
	}
	for _, r := range Routes() {
		for i, w := range who {
			if r.Class == Profile && want[r.Class][i] == 200 && r.Pattern != "/debug/pprof/cmdline" {
				continue // they take seconds
			}
			if a, body := port.send(request(&r, w.headers)); a.StatusCode != want[r.Class][i] {
				t.Errorf("%s %s, %s: %d, want %d: %s", r.Method, r.Pattern, w.name, a.StatusCode, want[r.Class][i], body)
			}
		}
	}
}

func TestRolesOverHTTP(t *testing.T) {
	roles := &fakeRoles{}
	port := serve(t, func(o *Options) { o.Tokens, o.Roles = []Token{{"alice", true, "s"}}, roles })
	f := func(path, body string, status int, want string) {
		t.Helper()
		roles.asked = nil
		raw := fmt.Sprintf("POST /v2/repository/models/%s HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer s\r\nIdempotency-Key: k\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body)
		a, text := port.send(raw)
		if of := `[{"model":"m","version":"2","state":"READY","role":"live"}]`; status == 200 && strings.TrimSpace(text) != of {
			t.Errorf("%s is answered %s, want %s", path, text, of)
		}
		if got := strings.Join(roles.asked, "; "); a.StatusCode != status || status == 200 && got != want || status != 200 && !strings.Contains(text, want) {
			t.Errorf("%s %s: %d, asked for %q, %s; want %d, %q", path, body, a.StatusCode, got, text, status, want)
		}
	}
	f("m/promote", `{"version":"3"}`, 200, "promote m/3 by alice key k: ")
	f("m/canary", `{"version":"3","share":0.05}`, 200, "canary 0.05 m/3 by alice key k: ")
	f("m/canary", `{"share":0}`, 200, "canary 0 m/ by alice key k: ")
	f("m/canary", `{"version":"3"}`, 400, "the body has no share")
	f("m/promote", `{"version":"3","share":0.5}`, 400, "which only a canary has")
	f("m/shadow", `{"version":"3"}`, 200, "shadow true m/3 by alice key k: ")
	f("m/shadow", `{"version":"3","on":false,"reason":"slow"}`, 200, "shadow false m/3 by alice key k: slow")
	f("m/shadow", `{"version":"`+strings.Repeat("n", 64)+":"+strings.Repeat("3", 64)+`"}`, 200, "shadow true m/"+strings.Repeat("n", 64)+":"+strings.Repeat("3", 64)+" by alice key k: ")
	f("m/shadow", `{"on":false}`, 400, "the body has no version")
	f("m/canary", `{"version":"3","share":0.5,"on":true}`, 400, "which only a shadow has")
	f("m/rollback", `{"reason":"it is wrong"}`, 200, "rollback m/ by alice key k: it is wrong")
	f("m/hold", ``, 200, "hold m/ by alice key k: ")
	f("m/release", `{}`, 200, "release m/ by alice key k: ")
	f("m/reject", `{"version":"4"}`, 200, "reject m/4 by alice key k: ")
	f("m/promote", `{"versions":"3"}`, 400, "the body is not one object such as")
	f("m/promote", `[`, 400, "the body is not one object such as")
	f("m/promote", `{"version":"3"} {"version":"4"}`, 400, "the body is not one object such as")
	f("m/promote", `{"version":"3"}]`, 400, "the body is not one object such as")
	f("m/promote", ``, 400, "the body has no version")
	f("m/reject", `{"version":""}`, 400, "the body has no version")
	f("m/canary", `{"share":0.5}`, 400, "the body has no version")
	f("m/rollback", `{"version":"3"}`, 400, "it takes no version")
	f("m/hold", `{"version":"3"}`, 400, "it takes no version")
	f("m/release", `{"version":"3"}`, 400, "it takes no version")
	f("m/promote", `{"version":"`+strings.Repeat("3", 200)+`"}`, 400, "the version has 200 bytes; the limit is 129")
	f("m/hold", `{"reason":"`+strings.Repeat("3", 1025)+`"}`, 400, "the reason has 1025 bytes; the limit is 1024")
	f("foreign/hold", ``, 409, "another gateway holds the lease")
	if a, _ := port.send("POST /v2/repository/models/foreign/hold HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer s\r\nContent-Length: 0\r\n\r\n"); a.Header.Get("Sluice-Holder") != "10.0.0.7:8081" {
		t.Errorf("the holder's address is %q", a.Header.Get("Sluice-Holder"))
	}
	get := func(path string, into any) {
		t.Helper()
		a, text := port.send("GET " + path + " HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer s\r\n\r\n")
		if err := json.Unmarshal([]byte(text), into); a.StatusCode != 200 || err != nil {
			t.Errorf("%s: %d, %v, %s", path, a.StatusCode, err, text)
		}
	}
	var versions []Version
	if get("/v2/repository/versions", &versions); len(versions) != 2 || versions[0].Role != "live" {
		t.Errorf("the versions are %+v", versions)
	}
	var history []Change
	if get("/v2/repository/history?model=m&most=7", &history); len(history) != 1 || history[0].Model != "m" || history[0].Generation != 7 {
		t.Errorf("the history is %+v", history)
	}
	if a, _ := port.send("POST /v2/repository/models/m/hold HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer s\r\nIdempotency-Key: two words\r\nContent-Length: 0\r\n\r\n"); a.StatusCode != 400 {
		t.Errorf("a key with a space got %d", a.StatusCode)
	}
	if a, _ := port.send("GET /v2/repository/history?most=0 HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer s\r\n\r\n"); a.StatusCode != 400 {
		t.Errorf("most=0 got %d", a.StatusCode)
	}
}
