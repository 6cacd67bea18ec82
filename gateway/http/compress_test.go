package httpfront

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
)

func packed(t *testing.T, as string, body string) string {
	t.Helper()
	var out bytes.Buffer
	var w io.WriteCloser = gzip.NewWriter(&out)
	if as == "deflate" {
		w = zlib.NewWriter(&out)
	}
	if _, err := io.WriteString(w, body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func unpacked(t *testing.T, as string, body string) string {
	t.Helper()
	var r io.Reader
	var err error
	switch as {
	case "gzip":
		r, err = gzip.NewReader(strings.NewReader(body))
	case "deflate":
		r, err = zlib.NewReader(strings.NewReader(body))
	default:
		return body
	}
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Case 37: compressed requests, with the header length that of the JSON before packing.
func TestCompressedRequests(t *testing.T) {
	e := serve(t, fixtures(), nil)
	c := conformance{t, e}
	header := "{" + inputs(input("INPUT0", "INT32", "[1,16]", blob64), intInput("INPUT1")) + "}"
	for range 2 { // the second round uses pooled decompressors
		for _, as := range []string{"gzip", "deflate"} {
			c.want(37, post(simpleInfer, packed(t, as, simpleBody("")), "Content-Encoding: "+as), 200, "[2,4,6")
			c.want(37, post(simpleInfer, packed(t, as, header+string(count(1))), "Content-Encoding: "+as, fmt.Sprintf("Inference-Header-Content-Length: %d", len(header))), 200, "[2,4,6")
		}
	}
	c.want(37, post(simpleInfer, simpleBody(""), "Content-Encoding: identity"), 200)
	for _, as := range []string{"GZIP", "x-gzip", "X-Gzip", " gzip ", "gzip, identity", "identity,, gzip", "gzip\r\nContent-Encoding: identity", "Identity\r\nContent-Encoding: x-GZIP"} {
		c.want(37, post(simpleInfer, packed(t, "gzip", simpleBody("")), "Content-Encoding: "+as), 200, "[2,4,6")
	}
	c.want(37, post(simpleInfer, packed(t, "deflate", simpleBody("")), "Content-Encoding: DEFLATE"), 200, "[2,4,6")
	c.want(37, post("/v1/models/id_fp32:predict", packed(t, "gzip", `{"instances":[[1,2.5]]}`), "content-encoding: X-GZIP"), 200, "[1.0,2.5]")
	for _, as := range []string{"", "IDENTITY", "identity, identity", ","} {
		c.want(37, post(simpleInfer, simpleBody(""), "Content-Encoding: "+as), 200, "[2,4,6")
	}
	for _, as := range []string{"gzip, deflate", "gzip, gzip", "gzip\r\nContent-Encoding: gzip", "identity\r\nContent-Encoding: br"} {
		c.want(39, post(simpleInfer, packed(t, "gzip", packed(t, "gzip", simpleBody(""))), "Content-Encoding: "+as), 501, "UNSUPPORTED_ENCODING")
	}
	for _, as := range []string{"x-deflate", "gzipx", "zstd"} {
		c.want(39, post(simpleInfer, "x", "Content-Encoding: "+as), 501, "UNSUPPORTED_ENCODING", "gzip, x-gzip, deflate or identity")
	}
	a := c.want(39, post(simpleInfer, "x", "Content-Encoding: br"), 501, "UNSUPPORTED_ENCODING")
	if a.header.Get("Accept-Encoding") != "gzip, deflate" {
		t.Errorf("case 39: Accept-Encoding is %q", a.header.Get("Accept-Encoding"))
	}
}

func TestDamagedCompression(t *testing.T) {
	e := serve(t, fixtures(), func(o *setup) { o.Core.Limits.MaxInflatedBytes = 1 << 20 })
	c := conformance{t, e}
	for _, as := range []string{"gzip", "deflate"} {
		whole := packed(t, as, simpleBody(""))
		damaged := []byte(whole)
		damaged[len(damaged)-6] ^= 1 // in the checksum
		for _, body := range []string{"", "x", whole[:len(whole)-1], whole[:20], string(damaged), whole + "x", whole + "\x00", whole + whole[:len(whole)/2], whole + whole[:5], simpleBody("")} {
			c.want(25, post(simpleInfer, body, "Content-Encoding: "+as), 400, "BAD_COMPRESSION")
		}
		bomb := packed(t, as, strings.Repeat(" ", 1<<20+1))
		c.want(26, post(simpleInfer, bomb, "Content-Encoding: "+as), 413, "DECOMPRESSED_TOO_LARGE")
		full := simpleBody("") + strings.Repeat(" ", 1<<20-len(simpleBody("")))
		c.want(26, post(simpleInfer, packed(t, as, full), "Content-Encoding: "+as), 200)
		e.good()
	}
}

// Members of gzip that follow each other are one body, under the limit of one; of deflate there is
// one, and whatever follows it is damage.
func TestGzipMembers(t *testing.T) {
	e := serve(t, fixtures(), func(o *setup) { o.Core.Limits.MaxInflatedBytes = 1 << 20 })
	c := conformance{t, e}
	body := simpleBody("")
	part := func(from, to int) string { return packed(t, "gzip", body[from:to]) }
	for range 2 { // also with a pooled decompressor
		for _, members := range []string{
			part(0, 40) + part(40, len(body)),
			part(0, 0) + part(0, 1) + part(1, 1) + part(1, 100) + part(100, len(body)) + part(0, 0),
			part(0, len(body)) + packed(t, "gzip", "  "),
			strings.Repeat(part(0, 0), 2000) + part(0, len(body)),
		} {
			c.want(37, post(simpleInfer, members, "Content-Encoding: gzip"), 200, "[2,4,6")
		}
	}
	half := packed(t, "gzip", strings.Repeat(" ", 1<<19))
	c.want(26, post(simpleInfer, half+half+packed(t, "gzip", " "), "Content-Encoding: gzip"), 413, "DECOMPRESSED_TOO_LARGE", "limits.max_decompressed_bytes")
	c.want(25, post(simpleInfer, part(0, 40)+part(40, len(body))+"x", "Content-Encoding: gzip"), 400, "BAD_COMPRESSION")
	whole := packed(t, "deflate", body)
	c.want(25, post(simpleInfer, whole+whole, "Content-Encoding: deflate"), 400, "BAD_COMPRESSION")
}

// What bodies become is counted like what they are: many small bombs together cannot
// take more memory than large bodies.
func TestInflatedBodiesAreCounted(t *testing.T) {
	e := serve(t, fixtures(), func(o *setup) {
		o.Limits.MaxBodyBytes, o.Core.Limits.MaxBodiesBytes = 1<<20, 1<<20
	})
	c := conformance{t, e}
	bomb := packed(t, "gzip", simpleBody("")+strings.Repeat(" ", 4<<20))
	c.want(26, post(simpleInfer, bomb, "Content-Encoding: gzip"), 503, "NO_CAPACITY")
	if n := e.server.gateway.Bodies.Used(); n != 0 {
		t.Fatalf("%d bytes are still counted", n)
	}
	c.want(26, post(simpleInfer, packed(t, "gzip", simpleBody("")+strings.Repeat(" ", 300<<10)), "Content-Encoding: gzip"), 200)
}

// Case 38: the answer's coding.
func TestCompressedAnswers(t *testing.T) {
	e := serve(t, fixtures(), nil)
	values := strings.TrimSuffix(strings.Repeat("0.5,", 1000), ",")
	body := "{" + inputs(input("INPUT0", "FP32", "[1,1000]", `"data":[`+values+`]`)) + "}"
	f := func(accept, want string) {
		t.Helper()
		a := e.send(post("/v2/models/id_fp32/infer", body, "Accept-Encoding: "+accept))
		if got := a.header.Get("Content-Encoding"); got != want {
			t.Fatalf("Accept-Encoding %q: Content-Encoding is %q, want %q", accept, got, want)
		}
		if !strings.Contains(unpacked(t, want, a.body), `"data":[0.5,0.5`) {
			t.Fatalf("Accept-Encoding %q: the answer unpacks to something else", accept)
		}
	}
	for range 2 {
		f("gzip", "gzip")
		f("deflate", "deflate")
		f("gzip;q=0.2, identity;q=0.8", "")
		f("br", "")
		f("gzip, deflate", "gzip")
		f("deflate , GZIP", "deflate")
		f("x-gzip", "gzip")
		f("deflate;q=0.5, X-GZIP", "gzip")
		f("gzip;q=0", "")
		f("gzip;q=0.500, deflate;q=0.501", "deflate")
		f("gzip;q=x", "")
		f("*", "")
		f("", "")
	}
	small := e.send(post(simpleInfer, simpleBody(""), "Accept-Encoding: gzip"))
	if small.header.Get("Content-Encoding") != "" {
		t.Error("a small answer is compressed")
	}
	for _, path := range []string{"/openapi.json", "/v2/models/stats"} {
		if a := e.send(get(path)[:len(get(path))-2] + "Accept-Encoding: gzip\r\n\r\n"); a.header.Get("Content-Encoding") != "" || a.status != 200 {
			t.Errorf("%s: got %d with Content-Encoding %q", path, a.status, a.header.Get("Content-Encoding"))
		}
	}
}

// What does not get smaller goes out as it is.
func TestIncompressibleAnswer(t *testing.T) {
	e := serve(t, fixtures(), nil)
	noise := make([]byte, 4000)
	source := rand.NewChaCha8([32]byte{1})
	_, _ = source.Read(noise)
	a := e.send(post("/v2/models/raw1/infer", string(noise), "Inference-Header-Content-Length: 0", "Accept-Encoding: gzip"))
	if a.status != 200 || !strings.HasSuffix(unpacked(t, a.header.Get("Content-Encoding"), a.body), string(noise)) {
		t.Fatalf("got %d with Content-Encoding %q", a.status, a.header.Get("Content-Encoding"))
	}
}

func TestRawDeflateIsRefused(t *testing.T) {
	e := serve(t, fixtures(), nil)
	var out bytes.Buffer
	w, _ := flate.NewWriter(&out, 6)
	_, _ = io.WriteString(w, simpleBody(""))
	_ = w.Close()
	conformance{t, e}.want(37, post(simpleInfer, out.String(), "Content-Encoding: deflate"), 400, "BAD_COMPRESSION")
}
