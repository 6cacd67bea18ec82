package httpfront

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
)

// Pipelined requests are answered one by one, each as soon as it is done.
func TestPipelining(t *testing.T) {
	model, entered, open := gated()
	e := serve(t, newFakeModels(model), nil)
	c := e.dial()
	r := bufio.NewReader(c)
	_, _ = io.WriteString(c, get("/v2/health/live")+"\r\n"+post(simpleInfer, simpleBody(`"id":"1",`))+post(simpleInfer, simpleBody(`"id":"2",`))+"GET /nope HTTP/1.1\r\n")
	if a, err := readAnswer(r); err != nil || a.status != 200 || a.body != `{"live":true}` {
		t.Fatalf("got %d %s, %v", a.status, a.body, err)
	}
	<-entered // the first answer did not wait for the second request's
	close(open)
	for _, id := range []string{"1", "2"} {
		if a, err := readAnswer(r); err != nil || a.status != 200 || !strings.Contains(a.body, `"id":"`+id+`"`) {
			t.Fatalf("got %d %s, %v", a.status, a.body, err)
		}
	}
	_, _ = io.WriteString(c, "Host: h\r\n\r\n")
	if a, err := readAnswer(r); err != nil || a.status != 404 {
		t.Fatalf("got %d %s, %v", a.status, a.body, err)
	}
}

// Many pipelined requests, cut anywhere, each get their answer in order.
func TestDeepPipelining(t *testing.T) {
	e := serve(t, fixtures(), nil)
	c := e.dial()
	var raw strings.Builder
	const requests = 300
	for n := range requests {
		if n%3 == 0 {
			raw.WriteString(get("/v2/health/live"))
		} else {
			raw.WriteString(post(simpleInfer, simpleBody(fmt.Sprintf(`"id":"%d",`, n))))
		}
	}
	go func() { _, _ = io.WriteString(c, raw.String()) }()
	r := bufio.NewReader(c)
	for n := range requests {
		a, err := readAnswer(r)
		want := fmt.Sprintf(`"id":"%d"`, n)
		if n%3 == 0 {
			want = `{"live":true}`
		}
		if err != nil || a.status != 200 || !strings.Contains(a.body, want) {
			t.Fatalf("answer %d is %d %s, %v; want %s", n, a.status, a.body, err, want)
		}
	}
}

// A request that cannot be framed does not cost the answers before it.
func TestPipelinedFault(t *testing.T) {
	e := serve(t, fixtures(), nil)
	c := e.dial()
	r := bufio.NewReader(c)
	_, _ = io.WriteString(c, post(simpleInfer, simpleBody(""))+get("/v2")+"GET /v2 HTTP/9.9\r\n\r\n"+get("/v2"))
	for _, want := range []int{200, 200, 505} {
		if a, err := readAnswer(r); err != nil || a.status != want {
			t.Fatalf("got %d %s, %v; want %d", a.status, a.body, err, want)
		}
	}
	if b, err := io.ReadAll(r); err != nil || len(b) > 0 {
		t.Fatalf("got %q, %v after the fault", b, err)
	}
}

// Case 40, and requests in pieces of every size.
func TestChunkedAndFragmentedRequests(t *testing.T) {
	e := serve(t, fixtures(), nil)
	body := simpleBody("")
	chunks := func(size int) string {
		var b strings.Builder
		for at := 0; at < len(body); at += size {
			part := body[at:min(at+size, len(body))]
			b.WriteString(string("0123456789abcdef"[len(part)>>4]) + string("0123456789abcdef"[len(part)&15]) + ";x=1\r\n" + part + "\r\n")
		}
		return b.String() + "0\r\n\r\n"
	}
	for _, size := range []int{1, 7, 200} {
		if a := e.send(inferTo + chunked + chunks(size)); a.status != 200 || !strings.Contains(a.body, "[2,4,6") {
			t.Fatalf("chunks of %d: got %d %s", size, a.status, a.body)
		}
	}
	for _, raw := range []string{post(simpleInfer, body), inferTo + chunked + chunks(50)} {
		for _, size := range []int{1, 3, 100} {
			c := e.dial()
			_ = c.(*net.TCPConn).SetNoDelay(true)
			for at := 0; at < len(raw); at += size {
				_, _ = io.WriteString(c, raw[at:min(at+size, len(raw))])
			}
			if a, err := readAnswer(bufio.NewReader(c)); err != nil || a.status != 200 {
				t.Fatalf("fragments of %d: got %d %s, %v", size, a.status, a.body, err)
			}
			_ = c.Close()
		}
	}
}

func TestExpectContinue(t *testing.T) {
	e := serve(t, fixtures(), nil)
	c := e.dial()
	r := bufio.NewReader(c)
	body := simpleBody("")
	raw := post(simpleInfer, body, "Expect: 100-continue")
	_, _ = io.WriteString(c, raw[:len(raw)-len(body)])
	if line, err := r.ReadString('\n'); err != nil || !strings.HasPrefix(line, "HTTP/1.1 100 ") {
		t.Fatalf("got %q, %v", line, err)
	}
	_, _ = r.ReadString('\n')
	if a := e.exchange(c, r, body); a.status != 200 {
		t.Fatalf("got %d %s", a.status, a.body)
	}
}

// HTTP/1.0 closes after the answer unless the client asks otherwise.
func TestHTTP10(t *testing.T) {
	e := serve(t, fixtures(), nil)
	if a := e.send("GET /v2/health/live HTTP/1.0\r\n\r\n"); a.status != 200 || !a.close {
		t.Fatalf("got %d, close %v", a.status, a.close)
	}
	c := e.dial()
	r := bufio.NewReader(c)
	for range 2 {
		if a := e.exchange(c, r, inferTo0+fmt.Sprintf("Connection: keep-alive\r\nContent-Length: %d\r\n\r\n%s", len(simpleBody("")), simpleBody(""))); a.status != 200 || a.header.Get("Connection") != "keep-alive" {
			t.Fatalf("got %d %s", a.status, a.body)
		}
	}
}
