package stub

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"sluice/internal/oip"
)

// patience is how long a test waits for what must come; it bounds a test that fails.
const patience = 30 * time.Second

// started starts a server from an expression, and checks its books when the test is over.
func started(t testing.TB, behaviour string) *Server {
	t.Helper()
	o, err := Parse(behaviour)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		checkBooks(t, s.Counts())
	})
	return s
}

// checkBooks checks what holds for the counts at any time.
func checkBooks(t testing.TB, c Counts) {
	t.Helper()
	if sum := c.Answered + c.Lost.N + c.Dropped.N + c.Closed.N + c.Gone + c.InFlight; sum != c.Accepted || c.InFlight < 0 {
		t.Errorf("accepted %d requests, and accounted for %d: %+v", c.Accepted, sum, c)
	}
	var byStatus int64
	for _, n := range c.Status {
		byStatus += n
	}
	if byStatus != c.Answered {
		t.Errorf("answered %d, by status %d: %+v", c.Answered, byStatus, c)
	}
}

// until asks for the counts until they are as they should be.
func until(t testing.TB, s *Server, as func(Counts) bool) {
	t.Helper()
	for begun := time.Now(); !as(s.Counts()); {
		if time.Since(begun) > patience {
			t.Fatalf("the counts stay at %+v", s.Counts())
		}
	}
}

// client is a connection.
type client struct {
	testing.TB
	net.Conn
	in *bufio.Reader
}

func dial(t testing.TB, s *Server) *client {
	t.Helper()
	c, err := net.Dial("tcp4", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return &client{t, c, bufio.NewReader(c)}
}

func (c *client) send(text string) {
	c.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		c.Fatal(err)
	}
}

// answer is what a test looks at of an answer.
type answer struct {
	status int
	header http.Header
	body   []byte
	id     string
	y      []float32
}

func (c *client) read() answer {
	c.Helper()
	r, err := http.ReadResponse(c.in, nil)
	if err != nil {
		c.Fatal(err)
	}
	a := answer{status: r.StatusCode, header: r.Header}
	if a.body, err = io.ReadAll(r.Body); err != nil {
		c.Fatal(err)
	}
	r.Body.Close()
	document, blob := a.body, []byte(nil)
	if n, err := strconv.Atoi(r.Header.Get("Inference-Header-Content-Length")); err == nil {
		document, blob = a.body[:n], a.body[n:]
	}
	var v struct {
		ID      string
		Outputs []struct{ Data []float32 }
	}
	if err := json.Unmarshal(document, &v); err != nil {
		c.Fatalf("%q: %v", a.body, err)
	}
	a.id = v.ID
	if len(v.Outputs) == 1 {
		a.y = v.Outputs[0].Data
	}
	for ; len(blob) > 0; blob = blob[4:] {
		a.y = append(a.y, math.Float32frombits(binary.LittleEndian.Uint32(blob)))
	}
	return a
}

// ended waits for the connection's end.
func (c *client) ended() {
	c.Helper()
	if rest, err := io.ReadAll(c.in); len(rest) > 0 || err != nil && !strings.Contains(err.Error(), "reset") {
		c.Errorf("got %q, error %v, where the connection's end should be", rest, err)
	}
}

// closeWrite says that nothing more will be sent.
func (c *client) closeWrite() {
	c.Helper()
	tcp, ok := c.Conn.(*net.TCPConn)
	if !ok {
		c.Fatal("the connection is not TCP")
	}
	if err := tcp.CloseWrite(); err != nil {
		c.Fatal(err)
	}
}

// reset breaks the connection off, so that the server learns of it at once.
func (c *client) reset() {
	c.Helper()
	tcp, ok := c.Conn.(*net.TCPConn)
	if !ok {
		c.Fatal("the connection is not TCP")
	}
	if err := tcp.SetLinger(0); err != nil {
		c.Fatal(err)
	}
	c.Close()
}

func (c *client) get(path string) answer {
	c.Helper()
	c.send("GET " + path + " HTTP/1.1\r\nHost: stub\r\n\r\n")
	return c.read()
}

// input is the rows of x of a variant.
func input(variant, rows int) []float32 {
	x := make([]float32, rows*InputColumns)
	for i := range x {
		x[i] = float32(variant) + float32(i)/8
	}
	return x
}

// expected is the answer to input.
func expected(variant, rows int) (y []float32) {
	x := input(variant, rows)
	for ; len(x) > 0; x = x[InputColumns:] {
		row := Answer(x[:InputColumns])
		y = append(y, row[:]...)
	}
	return y
}

func post(headers, body string) string {
	return fmt.Sprintf("POST /v2/models/stub/infer HTTP/1.1\r\nHost: stub\r\n%sContent-Length: %d\r\n\r\n%s", headers, len(body), body)
}

// asJSON is a request in JSON; id may be "".
func asJSON(id string, variant, rows int) string {
	data, _ := json.Marshal(input(variant, rows))
	return post("", fmt.Sprintf(`{"id":%q,"inputs":[{"name":"x","shape":[%d,16],"datatype":"FP32","data":%s}]}`, id, rows, data))
}

// asBinary is a request in binary that wants a binary answer.
func asBinary(id string, variant, rows int) string {
	document := fmt.Sprintf(`{"id":%q,"parameters":{"binary_data_output":true},"inputs":[{"name":"x","shape":[%d,16],"datatype":"FP32","parameters":{"binary_data_size":%d}}]}`, id, rows, rows*64)
	body := []byte(document)
	for _, v := range input(variant, rows) {
		body = binary.LittleEndian.AppendUint32(body, math.Float32bits(v))
	}
	return post(fmt.Sprintf("Inference-Header-Content-Length: %d\r\n", len(document)), string(body))
}

// right checks an answer with status 200 for its values and id.
func right(t testing.TB, a answer, id string, variant, rows int) {
	t.Helper()
	if a.status != http.StatusOK || a.id != id || !same(a.y, expected(variant, rows)) {
		t.Errorf("got %d, id %q, y %v: %.200q; want 200, id %q, y %v", a.status, a.id, a.y, a.body, id, expected(variant, rows))
	}
}

func same(a, b []float32) bool {
	return len(a) == len(b) && fmt.Sprint(a) == fmt.Sprint(b)
}

// stage is a duration of Server-Timing.
func stage(t testing.TB, a answer, name string) time.Duration {
	t.Helper()
	for _, part := range strings.Split(a.header.Get("Server-Timing"), ", ") {
		if text, ok := strings.CutPrefix(part, name+";dur="); ok {
			v, err := strconv.ParseFloat(text, 64)
			if err != nil {
				t.Fatal(err)
			}
			return time.Duration(v * float64(time.Millisecond))
		}
	}
	t.Fatalf("there is no stage %q in %v", name, a.header)
	return 0
}

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
	f("/stub", 200, `"accepted":0`)
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
		if fault != nil || h.size < len(headEnd) || h.size > len(in) || h.size > maxHead || h.body < 0 || h.body > maxBody || h.path[0] != '/' {
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
		find(h.path)
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
