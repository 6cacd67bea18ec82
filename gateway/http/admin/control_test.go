package admin

import (
	"regexp"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func TestReopenedDevice(t *testing.T) {
	var asked []string
	port := serve(t, func(o *Options) {
		o.Reopen = func(name string) error { asked = append(asked, name); return reopenFake(name) }
	})
	none := serve(t, func(o *Options) { o.Reopen = nil })
	f := func(at *running, device string, status int, text string) {
		t.Helper()
		if a, body := at.send(post("/v2/devices/" + device + "/reopen")); a.StatusCode != status || !strings.Contains(body, text) {
			t.Errorf("reopening %q got %d %s, want %d with %q", device, a.StatusCode, body, status, text)
		}
	}
	f(port, "fake", 200, "")
	f(port, "cuda:0", 404, "there is no device 'cuda:0'")
	f(port, strings.Repeat("x", 65), 404, "there is no device of 65 characters")
	f(none, "fake", 404, "there is no device 'fake'")
	if got := strings.Join(asked, " "); got != "fake cuda:0" {
		t.Errorf("asked to reopen %q", got)
	}
}

var madeID = regexp.MustCompile(`^[0-9a-f]{32}$`)

// The admin port takes and makes ids in the same way as the predict port.
func TestAdminRequestID(t *testing.T) {
	core, logs := observer.New(zap.DebugLevel)
	port := serve(t, func(o *Options) { o.Log = zap.New(core) })
	f := func(status int, raw, want string) {
		t.Helper()
		a, _ := port.send(raw)
		if got := a.Header.Get("X-Request-Id"); a.StatusCode != status || want != "" && got != want || want == "" && !madeID.MatchString(got) {
			t.Errorf("%.60q got %d with the id %q, want %d with %q", raw, a.StatusCode, got, status, want)
		}
	}
	f(200, get("/metrics"), "")
	f(200, post("/v2/repository/models/simple/unload", "X-Request-Id: op-7"), "op-7")
	if lines := logs.TakeAll(); len(lines) != 1 || lines[0].ContextMap()["request_id"] != "op-7" {
		t.Errorf("lines: %v", lines)
	}
	f(404, post("/nope", "X-Request-Id: op-8"), "op-8")
	f(405, post("/metrics", "X-Request-Id: a b"), "")
	f(403, "GET /metrics HTTP/1.1\r\nHost: h\r\nOrigin: x\r\nX-Request-Id: op-9\r\n\r\n", "op-9")
}
