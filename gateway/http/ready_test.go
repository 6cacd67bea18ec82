package httpfront

import (
	"errors"
	"sync/atomic"
	"testing"
)

// What Options.Ready says is the answer while the server is not ready, and it alone decides:
// models that load keep nobody waiting then.
func TestReadySaysWhatIsMissing(t *testing.T) {
	var missing atomic.Pointer[error]
	e := serve(t, fixtures(), func(o *setup) {
		o.Ready = func() error {
			if err := missing.Load(); err != nil {
				return *err
			}
			return nil
		}
	})
	f := func(why string, status int, body string) {
		t.Helper()
		missing.Store(nil)
		if why != "" {
			err := errors.New(why)
			missing.Store(&err)
		}
		a := e.send(get("/v2/health/ready"))
		if retry := map[int]string{503: "1"}[status]; a.status != status || a.body != body || a.header.Get("Retry-After") != retry {
			t.Errorf("got %d %s with Retry-After %q, want %d %s", a.status, a.body, a.header.Get("Retry-After"), status, body)
		}
		if a := e.send(get("/v2/health/live")); a.status != 200 {
			t.Errorf("live is %d", a.status)
		}
	}
	f("required models are missing: 'eta' is not in the models folder", 503,
		`{"error":"the server is not ready: required models are missing: 'eta' is not in the models folder","code":"MODEL_NOT_READY"}`)
	e.models.set("raw1", "LOADING")
	f("", 200, `{"live":true,"ready":true}`)
}
