package admin

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// The admin port is closed to other sites and, with a token, to strangers.
func TestAdminIsClosed(t *testing.T) {
	port := serve(t, func(o *Options) { o.Tokens, o.Hosts = []Token{{"admin", true, "secret"}}, []string{"ops.example"} })
	const bearer = "Authorization: Bearer secret\r\n"
	f := func(headers string, public, closed int) {
		t.Helper()
		for _, r := range Routes() {
			if strings.HasPrefix(r.Pattern, "/debug/pprof/") && closed == 200 {
				continue
			}
			want := closed
			if r.Class == Public {
				want = public
			}
			if a, _ := port.send(request(&r, headers)); a.StatusCode != want {
				t.Errorf("%s %s with %q got %d, want %d", r.Method, r.Pattern, headers, a.StatusCode, want)
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
	port := serve(t, func(o *Options) { o.Hosts = []string{"ops.example", "10.9.9.9"} })
	for host, want := range map[string]int{
		"localhost": 200, "LOCALHOST:8081": 200, "127.0.0.1": 200, "127.0.0.1:9": 200, "[::ffff:127.0.0.1]:8081": 200, "ops.example": 200, "10.9.9.9:1": 200,
		"127.0.0.2": 403, "10.1.2.3": 403, "[::1]": 403, "0.0.0.0": 403, "localhost.evil.example": 403, "127.0.0.1.evil.example": 403,
	} {
		if a, _ := port.send("GET /metrics HTTP/1.1\r\nHost: " + host + "\r\n\r\n"); a.StatusCode != want {
			t.Errorf("Host: %s got %d, want %d", host, a.StatusCode, want)
		}
	}
}

// Beyond loopback profiles are for a token.
func TestProfilesBeyondLoopback(t *testing.T) {
	f := func(token, local string, want int) {
		t.Helper()
		p := made(t, func(o *Options) {
			o.Hosts = nil
			if token != "" {
				o.Tokens = []Token{{"admin", true, token}}
			}
		})
		r := httptest.NewRequest("GET", "http://"+local+"/debug/pprof/cmdline", nil)
		r = r.WithContext(context.WithValue(t.Context(), http.LocalAddrContextKey, &net.TCPAddr{IP: net.ParseIP(local)}))
		r.Header.Set("Authorization", "Bearer secret")
		w := httptest.NewRecorder()
		if p.server.Handler.ServeHTTP(w, r); w.Code != want {
			t.Errorf("token %q at %s got %d, want %d", token, local, w.Code, want)
		}
	}
	f("", "127.0.0.1", 200)
	f("", "10.0.0.1", 403)
	f("secret", "10.0.0.1", 200)
	f("other", "10.0.0.1", 401)
}
