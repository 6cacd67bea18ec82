package admin

import (
	"fmt"
	"strings"
	"testing"

	"sluice/internal/fault"
)

// fakeShadows has comparisons of one model.
type fakeShadows struct{ paused []bool }

func (*fakeShadows) Reports(model string) (any, error) {
	if model != "simple" {
		return nil, fault.Newf(fault.ModelNotFound, "there is no model '%s'", model)
	}
	return []map[string]string{{"model": model}}, nil
}

func (f *fakeShadows) Pause(yes bool) { f.paused = append(f.paused, yes) }

func TestShadows(t *testing.T) {
	fake := &fakeShadows{}
	port := serve(t, func(o *Options) { o.Shadows = fake })
	f := func(line, body string, status int, want string) {
		t.Helper()
		a, text := port.send(fmt.Sprintf("%s HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s", line, len(body), body))
		if a.StatusCode != status || !strings.Contains(text, want) {
			t.Errorf("%s %s: %d %s; want %d, %s", line, body, a.StatusCode, text, status, want)
		}
	}
	f("GET /v2/models/simple/shadow", "", 200, `[{"model":"simple"}]`)
	f("GET /v2/models/other/shadow", "", 404, "there is no model 'other'")
	f("POST /v2/shadow/pause", `{"paused":true}`, 200, "")
	f("POST /v2/shadow/pause", `{"paused":false}`, 200, "")
	f("POST /v2/shadow/pause", `{}`, 400, "the body is not")
	f("POST /v2/shadow/pause", `{"pause":true}`, 400, "the body is not")
	if fmt.Sprint(fake.paused) != "[true false]" {
		t.Errorf("it was asked for %v", fake.paused)
	}
	none := serve(t, func(o *Options) { o.Shadows = nil })
	if a, _ := none.send("GET /v2/models/simple/shadow HTTP/1.1\r\nHost: h\r\n\r\n"); a.StatusCode != 404 {
		t.Errorf("without shadows the route answers %d", a.StatusCode)
	}
}
