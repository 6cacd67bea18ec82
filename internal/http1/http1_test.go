package http1

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

func TestScanRequest(t *testing.T) {
	f := func(text string, want Fault) {
		t.Helper()
		h, why := ScanRequest([]byte(text), &usual)
		if why != want || why != None && h != (Request{}) {
			t.Errorf("%.60q: got %d and %+v, want %d", text, why, h, want)
		}
	}
	f("", None)
	f("GET / HT", None)
	f("GET / HTTP/1.1\r\nHost: h\r\n", None)
	f("GET / HTTP/1.1\r\nHost: h\r\n\r\n", None)
	f("GET / HTTP/1.0\r\n\r\n", None)
	f(" / HTTP/1.1\r\n\r\n", BadRequestLine)
	f("\x16\x03\x01", BadRequestLine)
	f("GET /  HTTP/1.1\r\n\r\n", BadRequestLine)
	f("GET / HTTP/1.1\n\r\n", BadRequestLine)
	f("GET / http/1.1\r\n\r\n", BadRequestLine)
	f("GET / HTTP/2.0\r\n\r\n", BadVersion)
	f("GET /"+strings.Repeat("x", usual.Target)+" HTTP/1.1\r\n", TargetTooLong)
	f("GET /"+strings.Repeat("x", 2*usual.Target), TargetTooLong)
	f(inferTo+"X: "+strings.Repeat("x", usual.Head), HeadTooLarge)
	f(inferTo+strings.Repeat("X: y\r\n", usual.Fields)+"\r\n", ManyFields)
	f(inferTo+"X: y\nZ: y\r\n\r\n", BadLineEnd)
	f(inferTo+"X: y\r\n z\r\n\r\n", FoldedField)
	f(inferTo+"X : y\r\n\r\n", BadField)
	f(inferTo+"X\r\n\r\n", BadField)
	f("GET / HTTP/1.1\r\n\r\n", BadHost)
	f(inferTo+"Host: h\r\n\r\n", BadHost)
	f(inferTo+"Expect: 200-maybe\r\n\r\n", BadExpectation)
	f(inferTo+"Content-Length: 1\r\nContent-Length: 1\r\n\r\n", BadLength)
	f(inferTo+"Content-Length: 1234567890123456789\r\n\r\n", BadLength)
	f(inferTo+"Content-Length: +1\r\n\r\n", LengthNoNumber)
	f(inferTo+"Content-Length: 1048577\r\n\r\n", BodyTooLarge)
	f("POST / HTTP/1.0\r\n"+chunked, OldCoding)
	f(inferTo+"Transfer-Encoding: chunked\r\n"+chunked, TwoCodings)
	f(inferTo+"Transfer-Encoding: gzip, chunked\r\n\r\n", UnknownCoding)
	f(inferTo+"Content-Length: 3\r\n"+chunked, TwoFramings)
}

func TestRequestIsFramed(t *testing.T) {
	f := func(text string, want Request) {
		t.Helper()
		h, why := ScanRequest([]byte(text+"rest"), &usual)
		h.expectFrom, h.expectTo, h.frameFrom, h.frameTo = 0, 0, 0, 0
		if want.Size = len(text); why != None || h != want {
			t.Errorf("%q: got %+v, %d, want %+v", text, h, why, want)
		}
	}
	f("GET / HTTP/1.1\r\nHOST:h\r\n\r\n", Request{Plain: true})
	f(inferTo+"content-length: \t 12 \r\nConnection: te, Close\r\n\r\n", Request{Body: 12, Plain: true, Last: true})
	f(inferTo+chunked, Request{Body: Chunked})
	f(inferTo+"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n", Request{Body: 2})
	f(inferTo+"Expect: 100-Continue\r\nContent-Length: 2\r\n\r\n", Request{Body: 2, Expects: true})
	f("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n", Request{Body: 2})
}

// What the connection deals with itself is cut out, and the next reader sees the rest.
func TestCuts(t *testing.T) {
	for _, fields := range []string{"Expect: 100-continue\r\nContent-Length: 2\r\nA: b\r\n", "Content-Length: 2\r\nA: b\r\nExpect: 100-continue\r\n"} {
		p := []byte(inferTo + fields + "\r\n{}")
		h, why := ScanRequest(p, &usual)
		if why != None {
			t.Fatal(why)
		}
		p = p[:h.CutExpectation(p, len(p))]
		if want := inferTo + strings.Replace(fields, "Expect: 100-continue\r\n", "", 1) + "\r\n{}"; string(p) != want {
			t.Errorf("without its expectation it is %q, want %q", p, want)
		}
		h.CutFraming(p)
		if want := inferTo + "A: b\r\n\r\n"; string(p[:h.Size]) != want {
			t.Errorf("without its frame it is %q, want %q", p[:h.Size], want)
		}
	}
}

// join reads a chunked body in pieces of a size: its data, how many bytes it is, and why it is refused.
func join(c Chunks, text string, size int) (data []byte, used int, why Fault) {
	for p := []byte(text); used < len(p) && !c.Done(); {
		some, n, why := c.Next(p[used:min(used+size, len(p))])
		if why != None {
			return data, used, why
		}
		data, used = append(data, some...), used+n
	}
	if !c.Done() {
		used = -1
	}
	return data, used, None
}

func TestChunks(t *testing.T) {
	f := func(c Chunks, text, rest, want string, why Fault) {
		t.Helper()
		for _, size := range []int{1, 3, len(text + rest)} {
			data, used, got := join(c, text+rest, size)
			if got != why || why == None && (string(data) != want || used != len(text)) {
				t.Errorf("%.60q in pieces of %d: got %.60q, %d bytes, fault %d; want %.60q, fault %d", text, size, data, used, got, want, why)
			}
		}
	}
	request, answer := Chunks{MaxBody: 100_000}, Chunks{Answer: true}
	for _, c := range []Chunks{request, answer} {
		f(c, "0\r\n\r\n", "GET", "", None)
		f(c, "3\r\nabc\r\n0A;q=1\r\n0123456789\r\n0\r\n\r\n", "0\r\n", "abc0123456789", None)
		f(c, "z\r\n", "", "", BadChunk)
		f(c, "\r\n", "", "", BadChunk)
		f(c, "-1\r\n", "", "", BadChunk)
		f(c, "3\r\nabcd\r\n", "", "", BadChunk)
		f(c, "3\r\nabc\n0\r\n\r\n", "", "", BadChunk)
		f(c, "100000000\r\n", "", "", LongChunk)
		f(c, "3;a\nb\r\nabc\r\n", "", "", BadExtension)
		f(c, "0\r\n\rX", "", "", BadChunk)
	}
	f(request, "3 \r\nabc\r\n0\r\n\r\n", "", "", BadChunk)
	f(answer, "3 \r\nabc\r\n0  \r\n\r\n", "x", "abc", None)
	f(request, "3;"+strings.Repeat("x", 100)+"\r\n", "", "", BadExtension)
	f(answer, "3;"+strings.Repeat("x", 100)+"\r\nabc\r\n0\r\n\r\n", "", "abc", None)
	f(answer, "3;"+strings.Repeat("x", maxAnswerLine+1)+"\r\n", "", "", BadExtension)
	f(request, "0\r\nX: y\r\n\r\n", "", "", Trailer)
	f(answer, "1\r\na\r\n0\r\nX: y\r\nZ: \r\n\r\n", "HTTP", "a", None)
	f(answer, "0\r\nX: "+strings.Repeat("x", maxAnswerLine)+"\r\n\r\n", "", "", Trailer)
	f(request, "186a0\r\n"+strings.Repeat("x", 100_000)+"\r\n0\r\n\r\n", "", strings.Repeat("x", 100_000), None)
	f(request, "186a1\r\n", "", "", BodyTooLarge)
	tiny := strings.Repeat("1\r\nx\r\n", FreeChunks)
	f(request, tiny+"0\r\n\r\n", "", strings.Repeat("x", FreeChunks), None)
	f(request, strings.Repeat(tiny, 2), "", "", ManyChunks)
	f(answer, tiny+tiny+"0\r\n\r\n", "", strings.Repeat("x", 2*FreeChunks), None)
}

func TestFields(t *testing.T) {
	head := []byte("HTTP/1.1 200 OK\r\nX: y\r\ncontent-TYPE:  a/b; c=d \r\nEmpty:\r\n\r\nBody: z\r\n")
	for name, want := range map[string]string{"content-type": "a/b; c=d", "x": "y", "empty": "", "nope": "", "body": ""} {
		if got := Field(head, name); string(got) != want || (got == nil) != (name == "nope" || name == "body") {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if got := string(FieldLine(head, "content-type")); got != "content-TYPE:  a/b; c=d " {
		t.Errorf("the line is %q", got)
	}
	for _, cut := range []string{"GET / HTTP/1.1\r\nX: y", "X: y\r\n", "GET /\r\n\r\nX: y\r\n", ""} {
		if got := Field([]byte(cut), "x"); got != nil {
			t.Errorf("%q: got %q", cut, got)
		}
	}
}

func TestAnswer(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		var a Answer
		fields, ok := a.ReadStatus([]byte(text))
		for ok && len(fields) > 0 {
			var line []byte
			line, fields, _ = CutLine(fields)
			name, value, _ := CutField(line)
			ok = a.ReadField(name, value)
		}
		if got := fmt.Sprint(a.Status, a.Length, a.Chunked, a.Close); ok != (want != "") || ok && got != want {
			t.Errorf("%q: got %s, %v; want %s", text, got, ok, want)
		}
	}
	f("HTTP/1.1 200 OK\r\n", "200 -1 false false")
	f("HTTP/1.1 429 \r\nCONTENT-LENGTH: 7\r\ncontent-length:7\r\n", "429 7 false false")
	f("HTTP/1.0 200 OK\r\n", "200 -1 false true")
	f("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\n", "200 -1 false false")
	f("HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: Chunked\r\n", "200 -1 true true")
	f("HTTP/1.1 200 OK\r\nContent-Length: 7\r\nContent-Length: 8\r\n", "")
	f("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n", "")
	f("HTTP/1.1 200 OK\r\nContent-Length: x\r\n", "")
	f("HTTP/1.1 099 OK\r\n", "")
	f("HTTP/1.1 20\r\n", "")
	f("HTTP/2.0 200\r\n", "")
	f("ICY 200 OK\r\n", "")
	for p, want := range map[string]bool{"": true, "HTT": true, "HTTP/1.1": true, "HTTQ": false, "x": false} {
		if Begins([]byte(p)) != want {
			t.Errorf("%q begins an answer: %v", p, !want)
		}
	}
}

func TestWords(t *testing.T) {
	if !bytes.Equal(TrimBlank([]byte(" \t a b\t ")), []byte("a b")) || len(TrimBlank([]byte(" \t"))) > 0 {
		t.Error("blanks are left")
	}
	if !IsToken([]byte("GET-x!")) || IsToken([]byte("a b")) || IsToken([]byte("é")) {
		t.Error("tokens")
	}
	for text, want := range map[string]bool{"close": true, "a, CLOSE ,b": true, "closed": false, "": false, ",": false} {
		if HasClose([]byte(text)) != want {
			t.Errorf("%q has close: %v", text, !want)
		}
	}
	for text, want := range map[string]int64{"0": 0, "999999999999999999": 999999999999999999, "": -1, "1234567890123456789": -1, "-1": -1, "1 ": -1} {
		if n, ok := Decimal([]byte(text)); ok != (want >= 0) || ok && n != want {
			t.Errorf("%q: got %d, %v", text, n, ok)
		}
	}
}
