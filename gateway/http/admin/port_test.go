package admin

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sluice/internal/fault"
	"sluice/internal/oip"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeFront is a server that is ready.
type fakeFront struct{}

func (fakeFront) Readiness() error                       { return nil }
func (fakeFront) Degraded() []string                     { return nil }
func (fakeFront) Index([]byte) ([]oip.IndexEntry, error) { return []oip.IndexEntry{}, nil }

// fakeControl loads and unloads whatever it is asked to.
type fakeControl struct{}

func (fakeControl) Load(context.Context, string) error   { return nil }
func (fakeControl) Unload(context.Context, string) error { return nil }

// reopenFake knows one device.
func reopenFake(name string) error {
	if name != "fake" {
		return fault.Newf(fault.NotFound, "there is no device '%s'", name)
	}
	return nil
}

// request is one for a route, with a body that it takes.
func request(r *Route, headers string) string {
	body := ""
	switch r.Pattern[strings.LastIndex(r.Pattern, "/")+1:] {
	case "canary":
		body = `{"version":"3","share":0.5}`
	case "pause":
		body = `{"paused":true}`
	case "promote", "reject", "shadow":
		body = `{"version":"3"}`
	}
	return fmt.Sprintf("%s %s HTTP/1.1\r\nContent-Length: %d\r\n%s\r\n%s", r.Method, concrete.Replace(r.Pattern), len(body), headers, body)
}

var concrete = strings.NewReplacer("{model}/diff", "simple/diff?from=1&to=2", "{model}", "simple", "{device}", "fake")

// running is a port that serves.
type running struct {
	t    *testing.T
	port *Port
	addr string
	done chan error
}

// made is a port that does not serve yet.
func made(t *testing.T, change func(*Options)) *Port {
	t.Helper()
	opt := Options{Front: fakeFront{}, Control: fakeControl{}, Roles: &fakeRoles{}, Review: &fakeReview{}, Shadows: &fakeShadows{}, Features: func() any { return nil }, Hosts: []string{"h"}, Reopen: reopenFake, Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "up 1\n")
	})}
	if change != nil {
		change(&opt)
	}
	p, err := New(opt)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func serve(t *testing.T, change func(*Options)) *running {
	t.Helper()
	p := made(t, change)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &running{t: t, port: p, addr: ln.Addr().String(), done: make(chan error, 1)}
	go func() { r.done <- p.Serve(ln) }()
	t.Cleanup(func() { _ = p.server.Close() })
	return r
}

func (r *running) dial() net.Conn {
	r.t.Helper()
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	return c
}

// send asks on a connection of its own.
func (r *running) send(raw string) (a *http.Response, body string) {
	r.t.Helper()
	c := r.dial()
	defer c.Close()
	return r.ask(c, bufio.NewReader(c), raw)
}

func (r *running) ask(c net.Conn, in *bufio.Reader, raw string) (a *http.Response, body string) {
	r.t.Helper()
	if _, err := io.WriteString(c, raw); err != nil {
		r.t.Fatal(err)
	}
	a, err := http.ReadResponse(in, nil)
	if err != nil {
		r.t.Fatalf("cannot read the answer to %.200q: %v", raw, err)
	}
	defer a.Body.Close()
	read, err := io.ReadAll(a.Body)
	if err != nil {
		r.t.Fatalf("cannot read the answer to %.200q: %v", raw, err)
	}
	return a, string(read)
}

func get(path string) string { return "GET " + path + " HTTP/1.1\r\nHost: h\r\n\r\n" }

func post(path string, headers ...string) string {
	all := ""
	for _, h := range headers {
		all += h + "\r\n"
	}
	return "POST " + path + " HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n" + all + "\r\n"
}

func TestWhatAPortNeeds(t *testing.T) {
	for _, opt := range []Options{{}, {Front: fakeFront{}}, {Control: fakeControl{}}} {
		if _, err := New(opt); err == nil {
			t.Errorf("an admin port was made of %+v", opt)
		}
	}
}

// Whoever takes a profile, or has only connected, does not make the end of the server a fault.
func TestAdminEndsBesideItsCallers(t *testing.T) {
	asked := make(chan struct{})
	r := serve(t, func(o *Options) {
		o.Metrics = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			close(asked)
			<-r.Context().Done()
		})
	})
	for _, said := range []string{"", "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"} {
		if _, err := io.WriteString(r.dial(), said); err != nil {
			t.Fatal(err)
		}
	}
	<-asked
	late, cancel := context.WithCancel(context.Background())
	cancel()
	if err := r.port.Shutdown(late); err != nil {
		t.Errorf("the end of the port is a fault: %v", err)
	}
	if err := <-r.done; err != nil {
		t.Error(err)
	}
}
