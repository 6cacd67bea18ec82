package payload

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestTemplate(t *testing.T) {
	target := Target{Addr: "h:1", Host: "h:1"}
	f := func(name, text string, o Options, variant int, want string) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "x.http")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Template(target, path, o)
		var usage *UsageError
		if errors.As(err, &usage) {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, want %q", name, err, want)
			}
			return
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		p := s.Payloads[variant]
		parse(t, p)
		got := strings.ReplaceAll(string(p.Bytes), "\r\n", "\n")
		if got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
		}
		if strings.Contains(text, "{{id}}") != (p.ID >= 0) || p.ID >= 0 && string(p.Bytes[p.ID:p.ID+16]) != noIdentity {
			t.Errorf("%s: the identity is said to be at %d", name, p.ID)
		}
	}
	f("small", "GET /x", Options{}, 0, "GET /x HTTP/1.1\nHost: h:1\n\n")
	f("whole", "POST /p/{{variant}} HTTP/1.1\r\nHost: other\r\nContent-Type: text/plain\r\n\r\n{\"id\":\"{{id}}\",\"s\":{{seed}}}\n", Options{Variants: 5, Seed: 7, Budget: time.Second}, 4,
		"POST /p/4 HTTP/1.1\nHost: other\nContent-Type: text/plain\nContent-Length: 32\nSluice-Budget-Ms: 1000\n\n{\"id\":\"0000000000000000\",\"s\":7}\n")
	f("id in the head", "POST /p\nX-Request-Id: {{id}}\n\nbody", Options{Headers: []string{"A: b"}}, 0,
		"POST /p HTTP/1.1\nHost: h:1\nX-Request-Id: 0000000000000000\nA: b\nContent-Length: 4\n\nbody")
	f("empty body", "POST /p\n\n", Options{}, 0, "POST /p HTTP/1.1\nHost: h:1\nContent-Length: 0\n\n")
	f("variants by default", "GET /{{variant}}", Options{}, 255, "GET /255 HTTP/1.1\nHost: h:1\n\n")
	f("empty", "", Options{}, 0, "it has no request line")
	f("no path", "POST http://h/x", Options{}, 0, "must be a method and a path")
	f("version", "POST /x HTTP/2", Options{}, 0, "must be a method and a path")
	f("head", "HEAD /x", Options{}, 0, "its answers have no body")
	f("header", "GET /x\nnope", Options{}, 0, `header "nope" has no name and colon`)
	f("length", "POST /x\nContent-Length: 3\n\nabc", Options{}, 0, "leave it out, the tool sees to it")
	f("two ids", "POST /{{id}}\n\n{{id}}", Options{}, 0, "{{id}} is there 2 times")
	f("variants", "GET /{{variant}}", Options{Variants: 1 << 17}, 0, "from 1 to 65536")
	if _, err := Template(target, "/no/such", Options{}); err == nil {
		t.Error("got no error for a file that is not there")
	}
}
