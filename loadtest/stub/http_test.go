package stub

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"sluice/internal/http1"
	"sluice/internal/oip"
	oipclient "sluice/internal/oip/client"
)

func TestDocuments(t *testing.T) {
	c := dial(t, started(t, ""))
	f := func(path string, status int, want string) {
		t.Helper()
		if a := c.get(path); a.status != status || !strings.Contains(string(a.body), want) || a.header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %s, want %d with %s", path, a.status, a.body, status, want)
		}
	}
	f("/v2/health/live", 200, `{"live":true}`)
	f("/v2/health/ready", 200, `"ready":true`)
	f("/v2", 200, `"name":"sluice-stub"`)
	f("/v2/models/stub", 200, `"inputs":[{"name":"x","datatype":"FP32","shape":[-1,16]}],"outputs":[{"name":"y","datatype":"FP32","shape":[-1,4]}]`)
	f("/v2/models/stub/versions/1", 200, `"name":"stub"`)
	f("/v2/models/stub/ready", 200, `{"name":"stub","ready":true}`)
	f("/v2/models/stub/versions/1/ready?x=1", 200, `"ready":true`)
	f("/v2/models/other", 404, "Request for unknown model")
	f("/v2/models/stubs", 404, "Request for unknown model")
	f("/v2/models/stub/versions/2", 404, "there is nothing at this path")
	f("/", 404, "there is nothing at this path")
	f("/v2/models/stub/infer", 405, "this path takes POST")
	f("/v2/repository/index", 405, "this path takes POST")
	f("/stub", 200, `"accepted":0`)
}

// TestIndex: a client that names no model finds the only one.
func TestIndex(t *testing.T) {
	c := dial(t, started(t, ""))
	c.send("POST /v2/repository/index HTTP/1.1\r\nHost: stub\r\nContent-Length: 14\r\n\r\n{\"ready\":true}")
	a, err := http.ReadResponse(c.in, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	body, err := io.ReadAll(a.Body)
	if err != nil || a.StatusCode != http.StatusOK {
		t.Fatalf("status %d, error %v", a.StatusCode, err)
	}
	all, err := oipclient.ReadIndex(body)
	if err != nil || len(all) != 1 || all[0] != (oip.IndexEntry{Name: Model, Version: Version, State: oip.StateReady}) {
		t.Errorf("index %s, error %v", body, err)
	}
}

func TestAnswers(t *testing.T) {
	c := dial(t, started(t, ""))
	for variant := range 20 {
		rows := 1 + variant%3
		c.send(asJSON("", variant, rows))
		right(t, c.read(), "", variant, rows)
		id := fmt.Sprintf("%016x", variant)
		c.send(asJSON(id, variant, rows))
		right(t, c.read(), id, variant, rows)
		c.send(asBinary(id, variant, rows))
		a := c.read()
		right(t, a, id, variant, rows)
		if a.header.Get("Sluice-Batch") != strconv.Itoa(rows) || a.header.Get("Sluice-Device") != "stub" || !strings.HasPrefix(a.header.Get("Sluice-Model"), "stub;version=1;digest=sha256:") {
			t.Fatalf("headers %v", a.header)
		}
	}
	c.send(asJSON("", 1, MaxRows))
	right(t, c.read(), "", 1, MaxRows)
}

// TestAnswersDiffer says that no two variants can be taken for each other.
func TestAnswersDiffer(t *testing.T) {
	seen := map[[OutputColumns]float32]bool{}
	for variant := range 20000 {
		y := Answer(input(variant, 1))
		for _, v := range y {
			if !(v >= 1 && v < 2) {
				t.Fatalf("%v is not from 1 to 2", y)
			}
		}
		if seen[y] {
			t.Fatalf("variant %d has the answer of another", variant)
		}
		seen[y] = true
	}
	one, other := make([]float32, 16), make([]float32, 16)
	other[15] = math.SmallestNonzeroFloat32
	if Answer(one) == Answer(other) {
		t.Error("the least difference in the input makes none in the answer")
	}
}

func TestCountsFromOutside(t *testing.T) {
	s := started(t, "lose=2")
	c := dial(t, s)
	c.send(asJSON("a", 1, 1))
	c.read()
	c.send(asJSON("b", 1, 1))
	a := c.get("/stub")
	var got Counts
	if err := json.Unmarshal(a.body, &got); err != nil {
		t.Fatal(err)
	}
	if want := s.Counts(); fmt.Sprint(got) != fmt.Sprint(want) || got.Accepted != 2 || got.Answered != 1 || got.Lost.IDs[0] != "b" {
		t.Errorf("outside %+v, inside %+v", got, want)
	}
}

func TestBadRequests(t *testing.T) {
	s := started(t, "")
	c := dial(t, s)
	f := func(request, want string) {
		t.Helper()
		c.send(request)
		var e struct{ Error, Code string }
		a := c.read()
		if err := json.Unmarshal(a.body, &e); err != nil || a.status != 400 || !strings.Contains(e.Error, want) {
			t.Errorf("%.60q: %d %s, want 400 with %q", request, a.status, a.body, want)
		}
	}
	f(post("", `{`), "")
	f(post("", `[]`), "must be a JSON object")
	f(post("", `{"inputs":[]}`), "")
	f(post("", `{"inputs":[{"name":"z","shape":[1,16],"datatype":"FP32","data":[]}]}`), "z")
	f(post("", `{"inputs":[{"name":"x","shape":[1,15],"datatype":"FP32","data":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15]}]}`), "x")
	f(post("", ""), "")
	f(post("Inference-Header-Content-Length: 99\r\n", `{}`), "inference header size")
	f(post("Inference-Header-Content-Length: x\r\n", `{}`), "Inference-Header-Content-Length")
	if got := s.Counts(); got.Bad != 8 || got.Accepted != 8 || got.Status[400] != 8 {
		t.Errorf("%+v", got)
	}
	c.send(asJSON("", 3, 1)) // the connection is as good as new
	right(t, c.read(), "", 3, 1)
}

func TestHostileBytes(t *testing.T) {
	s := started(t, "")
	f := func(bytes string, status int, want string) {
		t.Helper()
		c := dial(t, s)
		c.send(bytes)
		if a := c.read(); a.status != status || !strings.Contains(string(a.body), want) {
			t.Errorf("%.40q: %d %s, want %d with %q", bytes, a.status, a.body, status, want)
		}
		c.ended()
	}
	f("\x16\x03\x01\x02\x00", 400, "does not begin with a method")
	f("get / HTTP/1.1\r\n\r\n", 400, "does not begin with a method")
	f("GET\r\n\r\n", 400, "is not METHOD PATH")
	f("GET / HTTP/2.0\r\n\r\n", 400, "is not METHOD PATH")
	f("GET http://x/ HTTP/1.1\r\n\r\n", 400, "is not METHOD PATH")
	f("GET / HTTP/1.1\r\nno colon\r\n\r\n", 400, "is not NAME: VALUE")
	f("GET / HTTP/1.1\r\n: x\r\n\r\n", 400, "is not NAME: VALUE")
	f("GET / HTTP/1.1\r\nName : x\r\n\r\n", 400, "is not NAME: VALUE")
	f("GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n", 400, "is not NAME: VALUE")
	f("POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400, "Content-Length")
	f("POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", 400, "Content-Length")
	f("POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", 400, "Content-Length")
	f("POST / HTTP/1.1\r\nContent-Length: 1048577\r\n\r\n", 413, "1 MiB")
	f("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501, "Transfer-Encoding")
	f("GET /"+strings.Repeat("x", maxHead)+" HTTP/1.1\r\n\r\n", 431, "16 KiB")
	f("GET / HTTP/1.1\r\nA: "+strings.Repeat("x", maxHead), 431, "16 KiB")
	f("GET /v2 HTTP/1.1\r\nConnection: Close\r\n\r\n", 200, "sluice-stub")
	f("GET /v2 HTTP/1.0\r\n\r\n", 200, "sluice-stub")
	if got := s.Counts(); got.Malformed != 16 || got.Accepted != 0 || got.Connections != 18 {
		t.Errorf("%+v", got)
	}
}

func TestPieces(t *testing.T) {
	s := started(t, "")
	c := dial(t, s)
	request := asBinary("pieces", 5, 2)
	for i := 0; i < len(request); i += 7 {
		c.send(request[i:min(i+7, len(request))])
	}
	right(t, c.read(), "pieces", 5, 2)

	var all strings.Builder
	const n = 200
	for i := range n {
		all.WriteString(asJSON(strconv.Itoa(i), i, 1))
	}
	c.send(all.String())
	for i := range n {
		right(t, c.read(), strconv.Itoa(i), i, 1)
	}

	half := dial(t, s)
	half.send(request[:len(request)-1])
	half.Close()
	closing := dial(t, s)
	closing.send(request)
	closing.closeWrite()
	right(t, closing.read(), "pieces", 5, 2)
	closing.ended()
	if got := s.Counts(); got.Accepted != n+2 || got.Answered != n+2 || got.Malformed != 0 {
		t.Errorf("%+v", got)
	}
}

// TestManyAnswersAtOnce asks for more bytes than a socket holds before it reads any.
func TestManyAnswersAtOnce(t *testing.T) {
	s := started(t, "")
	c := dial(t, s)
	const n = 300
	request := asJSON("", 9, MaxRows/2)
	done := make(chan error, 1) // of 1: the sender never waits for the test
	go func() {
		_, err := io.WriteString(c, strings.Repeat(request, n))
		done <- err
	}()
	for range n {
		right(t, c.read(), "", 9, MaxRows/2)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func FuzzReadHead(f *testing.F) {
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Add([]byte(asBinary("id", 1, 1)))
	f.Add([]byte("POST /x?y HTTP/1.0\r\nCONNECTION: close\r\nContent-Length:  7 \r\n\r\n"))
	f.Add([]byte("\x00"))
	f.Add([]byte("GET / HTTP/1.1\r\n:\r\n\r\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		var h head
		whole, fault := readHead(in, &h)
		if !whole {
			if fault != nil && (fault.status < 400 || fault.text == "") {
				t.Fatalf("%+v", fault)
			}
			return
		}
		if fault != nil || h.size < len(http1.HeadEnd) || h.size > len(in) || h.size > maxHead || h.body < 0 || h.body > maxBody || h.path[0] != '/' {
			t.Fatalf("%+v, fault %v", h, fault)
		}
		// What follows a head does not change it, and no part of it is one.
		var again, part head
		if whole, _ := readHead(append(bytes.Clone(in[:h.size]), "garbage\r\n\r\n"...), &again); !whole || again.size != h.size || again.body != h.body || !bytes.Equal(again.path, h.path) {
			t.Fatalf("%+v and %+v of the same head", h, again)
		}
		if whole, _ := readHead(in[:h.size-1], &part); whole {
			t.Fatalf("a head of %d bytes is whole without its last", h.size)
		}
	})
}

// TestStandardDocuments reads the metadata as the load tester will.
func TestStandardDocuments(t *testing.T) {
	c := dial(t, started(t, ""))
	var m oip.ModelMetadata
	if err := json.Unmarshal(c.get("/v2/models/stub").body, &m); err != nil || m.Inputs[0].Shape[1] != InputColumns || m.Versions[0] != Version {
		t.Errorf("%+v, error %v", m, err)
	}
}
