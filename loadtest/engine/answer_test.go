package engine

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

func TestAnswerIsReadInPieces(t *testing.T) {
	f := func(text, rest, body string) {
		t.Helper()
		total := len(text)
		text += rest
		for n := range total {
			var a answer
			buf := []byte(text[:n])
			if a.read(buf, false); a.whole || a.malformed {
				t.Errorf("%d bytes of %q: whole %v, malformed %v", n, text, a.whole, a.malformed)
			}
			if string(buf) != text[:n] {
				t.Errorf("%d bytes of %q: what is not whole has been changed to %q", n, text, buf)
			}
		}
		var a answer
		if a.read([]byte(text), false); !a.whole || a.malformed || a.total != total || string(a.body) != body || a.status != 200 {
			t.Errorf("%q: %+v", text, a)
		}
	}
	f("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", "", "abc")
	f("HTTP/1.1 200 OK\r\nCONTENT-LENGTH:3\r\n\r\nabc", "HTTP", "abc")
	f("HTTP/1.1 200 \r\ncontent-length:  0 \r\n\r\n", "", "")
	f("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;q=1\r\n0123456789\r\n0\r\nX: y\r\n\r\n", "HT", "abc0123456789")
}

func TestMalformedAnswers(t *testing.T) {
	f := func(text string) {
		t.Helper()
		var a answer
		if a.read([]byte(text), false); !a.malformed {
			t.Errorf("%.60q is taken for an answer: %+v", text, a)
		}
	}
	f("HTTP/2 200\r\n\r\n")
	f("ICY 200 OK\r\n\r\n")
	f("x")
	f("HTTP/1.1 20\r\n\r\n")
	f("HTTP/1.1 099 X\r\n\r\n")
	f("HTTP/1.1 200 OK\r\nno colon\r\n\r\n")
	f("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n")
	f("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\n")
	f("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
	f("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n123456789\r\n")
	f("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("y", mostHead))
}

func TestServerTiming(t *testing.T) {
	f := func(value string, want ...uint32) {
		t.Helper()
		var a answer
		a.timing([]byte(value))
		if !bytes.Equal(fmt.Append(nil, a.stages[:]), fmt.Append(nil, want)) {
			t.Errorf("%q: %v, want %v", value, a.stages, want)
		}
	}
	f("decode;dur=0.012, queue;dur=1.5,run;dur=20, encode;dur=0.0039", 12, 1500, 20000, 3)
	f("", 0, 0, 0, 0)
	f("cache;desc=x;dur=1, queue;dur=abc, run;dur=, encode", 0, 0, 0, 0)
	f("queue;dur=99999999999999999999.5", 0, 1<<32-1, 0, 0)
}

// Whatever comes, the reader neither panics nor reads beyond what there is, and what it takes
// for a whole answer does not depend on what follows.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", "HTTP/1.0 200 OK\r\n\r\nabc", "HTTP/1.1 204 No Content\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nServer-Timing: run;dur=1\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var a, b answer
		a.read(bytes.Clone(text), false)
		if !a.whole {
			return
		}
		if a.malformed || a.total > len(text) || a.status < 100 || a.status > 999 {
			t.Fatalf("%q: %+v", text, a)
		}
		b.read(append(bytes.Clone(text), "HTTP/1.1 200"...), false)
		if !b.whole || b.total != a.total || !bytes.Equal(b.body, a.body) || b.stages != a.stages {
			t.Fatalf("%q: %+v, with more behind it %+v", text, a, b)
		}
	})
}

func TestDeviceNames(t *testing.T) {
	var d deviceNames
	f := func(name string, want uint8) {
		t.Helper()
		if got := d.index([]byte(name)); got != want {
			t.Errorf("%q is %d, want %d", name, got, want)
		}
	}
	f("", 0)
	f("cuda:0", 1)
	f("cpu;reason=spill", 2)
	f("cuda:0", 1)
	f(";x", 0)
	for i := range mostDevices + 5 {
		d.index(fmt.Append(nil, "d", i))
	}
	if len(d) != mostDevices {
		t.Errorf("%d names are kept", len(d))
	}
}

func TestIdentities(t *testing.T) {
	d := identities{upper: 0xabcd << 32, seen: make([]uint64, 2)}
	text := make([]byte, IDLength)
	d.put(text, 100)
	if string(text) != "0000abcd00000064" {
		t.Errorf("request 100 is %s", text)
	}
	f := func(id uint64, want int, known bool) {
		t.Helper()
		if i, ok := d.known(id, 101); i != want || ok != known {
			t.Errorf("%x is request %d, %v", id, i, ok)
		}
	}
	f(0xabcd00000064, 100, true)
	f(0xabcd00000065, 0, false) // not sent yet
	f(0xabce00000064, 0, false) // of another run
	if d.see(100) || !d.see(100) || d.see(99) {
		t.Error("what has been seen is not known")
	}
}
