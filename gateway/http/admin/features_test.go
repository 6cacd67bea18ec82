package admin

import "testing"

func TestFeatures(t *testing.T) {
	f := func(document func() any, status int, want string) {
		t.Helper()
		port := serve(t, func(o *Options) { o.Features = document })
		if a, text := port.send("GET /v2/features HTTP/1.1\r\nHost: h\r\n\r\n"); a.StatusCode != status || text != want {
			t.Errorf("got %d %s, want %d %s", a.StatusCode, text, status, want)
		}
	}
	f(func() any { return map[string]int{"cache_rows": 3} }, 200, `{"cache_rows":3}`)
	f(nil, 404, `{"error":"Not Found","code":"NOT_FOUND"}`)
}
