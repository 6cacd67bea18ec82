package httpfront

import (
	"bufio"
	"io"
	"strings"
	"testing"
)

// A client that wants no more answers says so in any case, and beside other options; on an event
// loop, before and after a model has had the request, and on a goroutine.
func TestConnectionClose(t *testing.T) {
	e := serve(t, newFakeModels(simpleModel()), nil)
	requests := []string{
		get("/v2"),
		get("/v2?x"),
		get("/nope"),
		post(simpleInfer, simpleBody("")),
		post(simpleInfer, simpleBody("")+strings.Repeat(" ", 100<<10)),
		post(simpleInfer, simpleBody(""), "Content-Encoding: identity"),
		chunkedPost(simpleBody("")),
	}
	f := func(header string, want bool) {
		t.Helper()
		for _, raw := range requests {
			line, rest, _ := strings.Cut(raw, "\r\n")
			c := e.dial()
			r := bufio.NewReader(c)
			a := e.exchange(c, r, line+"\r\n"+header+rest)
			if a.close != want {
				t.Errorf("%s with %q: close is %v", line, header, a.close)
			}
			if want {
				if more, err := io.ReadAll(r); err != nil || len(more) > 0 {
					t.Errorf("%s with %q: then %q, %v", line, header, more, err)
				}
			} else if again := e.exchange(c, r, get("/v2")); again.status != 200 || again.close {
				t.Errorf("%s with %q: the next answer is %+v", line, header, again)
			}
			_ = c.Close()
		}
	}
	f("Connection: close\r\n", true)
	f("Connection: Close\r\n", true)
	f("connection:CLOSE\r\n", true)
	f("Connection: TE, close\r\nTE: deflate\r\n", true)
	f("Connection: close,keep-alive\r\n", true)
	f("Connection: te\r\nConnection: \t close \r\n", true)
	f("", false)
	f("Connection: keep-alive\r\n", false)
	f("Connection: closed, x-close, clos\r\n", false)
	f("Connection-X: close\r\nX: close\r\n", false)
}
