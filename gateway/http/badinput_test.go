package httpfront

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"sluice/internal/fault"
	"sluice/internal/task"
)

// badInput is one line of the list of bad inputs: raw bytes, and the refusal they get.
type badInput struct {
	name   string
	raw    string
	status int
	code   string
	// close says that the connection must end: where the next request starts is in doubt.
	close bool
}

const (
	mib      = 1 << 20
	inferTo  = "POST " + simpleInfer + " HTTP/1.1\r\nHost: h\r\n"
	inferTo0 = "POST " + simpleInfer + " HTTP/1.0\r\nHost: h\r\n"
	chunked  = "Transfer-Encoding: chunked\r\n\r\n"
)

func framingFaults() []badInput {
	tiny := strings.Repeat("1\r\nx\r\n", 70_000)
	f := []badInput{
		{"1 length over the limit", inferTo + "Content-Length: 1048577\r\n\r\n", 413, "BODY_TOO_LARGE", true},
		{"1 length over the limit, asking first", inferTo + "Expect: 100-continue\r\nContent-Length: 1048577\r\n\r\n", 413, "BODY_TOO_LARGE", true},
		{"2 chunks over the limit", inferTo + chunked + strings.Repeat("40000\r\n"+strings.Repeat("x", 0x40000)+"\r\n", 5), 413, "BODY_TOO_LARGE", true},
		{"2 one chunk over the limit", inferTo + chunked + "100001\r\n", 413, "BODY_TOO_LARGE", true},
		{"3 tiny chunks", inferTo + chunked + tiny, 413, "TOO_MANY_CHUNKS", true},
		{"4 two framings", inferTo + "Content-Length: 3\r\n" + chunked + "0\r\n\r\n", 400, "AMBIGUOUS_FRAMING", true},
		{"4 two framings, other order", inferTo + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400, "AMBIGUOUS_FRAMING", true},
		{"7 chunks on HTTP/1.0", inferTo0 + chunked + "0\r\n\r\n", 400, "AMBIGUOUS_FRAMING", true},
		{"4 two transfer encodings", inferTo + "Transfer-Encoding: chunked\r\n" + chunked + "0\r\n\r\n", 400, "AMBIGUOUS_FRAMING", true},
		{"6 gzip, chunked", inferTo + "Transfer-Encoding: gzip, chunked\r\n\r\n", 501, "TRANSFER_ENCODING_UNSUPPORTED", true},
		{"6 xchunked", inferTo + "Transfer-Encoding: xchunked\r\n\r\n", 501, "TRANSFER_ENCODING_UNSUPPORTED", true},
		{"6 identity", inferTo + "Transfer-Encoding: identity\r\n\r\n", 501, "TRANSFER_ENCODING_UNSUPPORTED", true},
		{"9 no host", "GET /v2 HTTP/1.1\r\n\r\n", 400, "BAD_HOST", true},
		{"9 two hosts", "GET /v2 HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400, "BAD_HOST", true},
		{"9 empty host", "GET /v2 HTTP/1.1\r\nHost: \r\n\r\n", 400, "BAD_HOST", true},
		{"10 large header", inferTo + "X: " + strings.Repeat("x", 9<<10) + "\r\n\r\n", 431, "HEADERS_TOO_LARGE", true},
		{"10 endless header", inferTo + "X: " + strings.Repeat("x", 64<<10), 431, "HEADERS_TOO_LARGE", true},
		{"10 many headers", inferTo + strings.Repeat("X: y\r\n", 500) + "\r\n", 431, "HEADERS_TOO_LARGE", true},
		{"11 long target", "GET /" + strings.Repeat("x", 3000) + " HTTP/1.1\r\nHost: h\r\n\r\n", 414, "URI_TOO_LONG", true},
		{"11 endless target", "GET /" + strings.Repeat("x", 64<<10), 414, "URI_TOO_LONG", true},
		{"12 NUL in a value", inferTo + "X: a\x00b\r\n\r\n", 400, "BAD_HEADER", true},
		{"12 CR in a value", inferTo + "X: a\rb\r\n\r\n", 400, "BAD_HEADER", true},
		{"12 space before the colon", inferTo + "X : y\r\n\r\n", 400, "BAD_HEADER", true},
		{"12 space in a name", inferTo + "Content Length: 3\r\n\r\n", 400, "BAD_HEADER", true},
		{"12 no colon", inferTo + "X\r\n\r\n", 400, "BAD_HEADER", true},
		{"12 no name", inferTo + ": x\r\n\r\n", 400, "BAD_HEADER", true},
		{"12 folded header", inferTo + "X: y\r\n z\r\n\r\n", 400, "BAD_HEADER", true},
		{"12 folded length", inferTo + "Content-Length:\r\n 3\r\n\r\n", 400, "BAD_CONTENT_LENGTH", true},
		{"12 bare LF", "GET /v2 HTTP/1.1\r\nHost: h\nX: y\r\n\r\n", 400, "BAD_HEADER", true},
		{"13 HTTP/9.9", "GET /v2 HTTP/9.9\r\nHost: h\r\n\r\n", 505, "HTTP_VERSION_UNSUPPORTED", true},
		{"13 HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "HTTP_VERSION_UNSUPPORTED", true},
		{"14 TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "BAD_REQUEST_LINE", true},
		{"14 random bytes", "\x8f\x02 \xff\n\n", 400, "BAD_REQUEST_LINE", true},
		{"14 no method", " /v2 HTTP/1.1\r\n\r\n", 400, "BAD_REQUEST_LINE", true},
		{"14 no version", "GET /v2\r\nHost: h\r\n\r\n", 400, "BAD_REQUEST_LINE", true},
		{"14 lower-case version", "GET /v2 http/1.1\r\nHost: h\r\n\r\n", 400, "BAD_REQUEST_LINE", true},
		{"14 two spaces", "GET  /v2 HTTP/1.1\r\nHost: h\r\n\r\n", 400, "BAD_REQUEST_LINE", true},
		{"21 odd expectation", inferTo + "Expect: 200-maybe\r\nContent-Length: 3\r\n\r\n", 417, "EXPECTATION_FAILED", true},
	}
	for _, length := range []string{"Content-Length: 2\r\nContent-Length: 2", "Content-Length: 2\r\nContent-Length: 3", "Content-Length: 2, 2", "Content-Length: +2", "Content-Length: -1", "Content-Length: 10000000000000000000", "Content-Length: ", "Content-Length: 0x2", "Content-Length: 2 2"} {
		f = append(f, badInput{"5 " + strconv.Quote(length), inferTo + length + "\r\n\r\n{}", 400, "BAD_CONTENT_LENGTH", true})
	}
	for _, chunks := range []string{"z\r\n", "\r\n", "-1\r\n", "3\nabc\r\n", "3\r\nabcd\r\n", "3\r\nabc\n0\r\n\r\n", "100000000\r\n", "ffffffffffffffff1\r\n", "3 \r\nabc\r\n0\r\n\r\n", "3;a\nb\r\nabc\r\n", "0\r\nX: y\r\n\r\n", "3;" + strings.Repeat("x", 100) + "\r\n"} {
		f = append(f, badInput{"8 " + strconv.Quote(chunks), inferTo + chunked + chunks, 400, "BAD_CHUNK", true})
	}
	return f
}

func requestFaults() []badInput {
	body := simpleBody("")
	in := func(datatype, shape, data string) string {
		return post(simpleInfer, "{"+inputs(input("INPUT0", datatype, shape, `"data":`+data), intInput("INPUT1"))+"}")
	}
	id := func(model, datatype, shape, data string) string {
		return post("/v2/models/"+model+"/infer", "{"+inputs(input("INPUT0", datatype, shape, `"data":`+data))+"}")
	}
	binaryTo := func(size string, blob string, headers ...string) string {
		header := "{" + inputs(input("INPUT0", "FP32", "[1,2]", `"parameters":{"binary_data_size":`+size+`}`)) + "}"
		return post("/v2/models/id_fp32/infer", header+blob, append(headers, "Inference-Header-Content-Length: "+strconv.Itoa(len(header)))...)
	}
	value := func(v string) string {
		return in("INT32", "[1,16]", strings.Replace("["+sixteen+"]", "1", v, 1))
	}
	f := []badInput{
		{"15 BREW", "BREW /v2 HTTP/1.1\r\nHost: h\r\n\r\n", 501, "METHOD_NOT_IMPLEMENTED", false},
		{"15 TRACE", "TRACE /v2 HTTP/1.1\r\nHost: h\r\n\r\n", 501, "METHOD_NOT_IMPLEMENTED", false},
		{"16 GET on infer", get(simpleInfer), 405, "METHOD_NOT_ALLOWED", false},
		{"16 POST on metadata", post("/v2/models/simple", ""), 405, "METHOD_NOT_ALLOWED", false},
		{"20 no body", post(simpleInfer, ""), 400, "EMPTY_BODY", false},
		{"20 no body, V1", post("/v1/models/simple:predict", ""), 400, "EMPTY_BODY", false},
		{"24 other coding", post(simpleInfer, body, "Content-Encoding: zstd"), 501, "UNSUPPORTED_ENCODING", false},
		{"27 unknown route", get("/v3"), 404, "NOT_FOUND", false},
		{"27 dots", get("/a/../v2"), 404, "NOT_FOUND", false},
		{"27 encoded dots", get("/%2e%2e%2fv2"), 404, "NOT_FOUND", false},
		{"27 NUL", get("/v2%00"), 404, "NOT_FOUND", false},
		{"27 trailing slash", get("/v2/models/simple/"), 404, "NOT_FOUND", false},
		{"28 unknown model", post("/v2/models/nope/infer", body), 404, "MODEL_NOT_FOUND", false},
		{"29 path as name", post("/v2/models/%2e%2e%2fx/infer", body), 400, "BAD_MODEL_NAME", false},
		{"29 dots as name", post("/v2/models/../infer", body), 400, "BAD_MODEL_NAME", false},
		{"29 long name", post("/v2/models/"+strings.Repeat("x", 300)+"/infer", body), 400, "BAD_MODEL_NAME", false},
		{"29 empty name", post("/v2/models//infer", body), 400, "BAD_MODEL_NAME", false},
		{"29 UTF-8 name", post("/v2/models/%c3%bc/infer", body), 400, "BAD_MODEL_NAME", false},
		{"29 cut escape", post("/v2/models/simple%7/infer", body), 400, "BAD_MODEL_NAME", false},
		{"30 unknown version", post("/v2/models/simple/versions/7/infer", body), 404, "VERSION_NOT_FOUND", false},
		{"30 odd version", post("/v2/models/simple/versions/a%20b/infer", body), 404, "VERSION_NOT_FOUND", false},
		{"30 overflowing version", post("/v2/models/simple/versions/99999999999999999999/infer", body), 404, "VERSION_NOT_FOUND", false},
		{"31 loading", post("/v2/models/whole/infer", body), 503, "MODEL_NOT_READY", false},
		{"34 cut short", post(simpleInfer, body[:len(body)-2]), 400, "INVALID_JSON", false},
		{"34 comma", post(simpleInfer, body[:len(body)-1]+",}"), 400, "INVALID_JSON", false},
		{"34 two documents", post(simpleInfer, body+body), 400, "INVALID_JSON", false},
		{"34 byte order mark", post(simpleInfer, "\ufeff"+body), 400, "INVALID_JSON", false},
		{"35 100,000 brackets", post(simpleInfer, strings.Repeat("[", 100_000)), 400, "JSON_TOO_DEEP", false},
		{"36 leading zero", value("01"), 400, "INVALID_JSON", false},
		{"36 cut number", id("id_fp32", "FP32", "[1,1]", "[1.]"), 400, "INVALID_JSON", false},
		{"36 hex", value("0x1"), 400, "INVALID_JSON", false},
		{"36 single quotes", post(simpleInfer, `{'inputs':[]}`), 400, "INVALID_JSON", false},
		{"37 duplicate key", post(simpleInfer, body[:len(body)-1]+`,"inputs":[]}`), 400, "DUPLICATE_FIELD", false},
		{"38 upper-case key", post(simpleInfer, `{"INPUTS":[]}`), 400, "INVALID_INPUTS", false},
		{"39 bad UTF-8", id("id_bytes", "BYTES", "[1,1]", "[\"\xff\"]"), 400, "INVALID_UTF8", false},
		{"39 lone surrogate", id("id_bytes", "BYTES", "[1,1]", `["\ud800"]`), 400, "INVALID_UTF8", false},
		{"40 null", value("null"), 400, "INVALID_VALUE", false},
		{"40 true", value("true"), 400, "INVALID_VALUE", false},
		{"40 string", value(`"1"`), 400, "INVALID_VALUE", false},
		{"41 no inputs", post(simpleInfer, `{}`), 400, "INVALID_INPUTS", false},
		{"41 inputs not a list", post(simpleInfer, `{"inputs":3}`), 400, "INVALID_INPUTS", false},
		{"41 65 inputs", post(simpleInfer, "{"+inputs(strings.Split(strings.TrimSuffix(strings.Repeat(intInput("INPUT0")+"|", 65), "|"), "|")...)+"}"), 400, "", false},
		{"42 missing input", post(simpleInfer, "{"+inputs(intInput("INPUT0"))+"}"), 400, "MISSING_INPUT", false},
		{"43 unknown input", post(simpleInfer, "{"+inputs(intInput("X"))+"}"), 400, "UNKNOWN_INPUT", false},
		{"44 10,000 outputs", post(simpleInfer, simpleBody(`"outputs":[`+strings.Repeat(`{"name":"X"},`, 9_999)+`{"name":"X"}],`)), 400, "", false},
		{"45 unknown datatype", in("FLOAT", "[1,16]", "["+sixteen+"]"), 400, "WRONG_DATATYPE", false},
		{"45 wrong datatype", in("INT64", "[1,16]", "["+sixteen+"]"), 400, "WRONG_DATATYPE", false},
		{"46 no shape", post(simpleInfer, `{"inputs":[{"name":"INPUT0","datatype":"INT32","data":[1]}]}`), 400, "", false},
		{"46 rank", in("INT32", "[16]", "["+sixteen+"]"), 400, "WRONG_SHAPE", false},
		{"46 fixed dimension", in("INT32", "[1,17]", "["+sixteen+",17]"), 400, "WRONG_SHAPE", false},
		{"47 negative", in("INT32", "[1,-16]", "["+sixteen+"]"), 400, "INVALID_SHAPE", false},
		{"47 fraction", in("INT32", "[1.5,16]", "["+sixteen+"]"), 400, "INVALID_SHAPE", false},
		{"47 string", in("INT32", `["1",16]`, "["+sixteen+"]"), 400, "INVALID_SHAPE", false},
		{"48 overflow", id("id_fp32", "FP32", "[4294967296,4294967296]", "[1]"), 400, "SHAPE_TOO_LARGE", false},
		{"49 too few", in("INT32", "[1,16]", "[1]"), 400, "DATA_LENGTH_MISMATCH", false},
		{"50 no rows", post(simpleInfer, "{"+inputs(input("INPUT0", "INT32", "[0,16]", `"data":[]`), input("INPUT1", "INT32", "[0,16]", `"data":[]`))+"}"), 400, "INVALID_SHAPE", false},
		{"51 rows disagree", post(simpleInfer, "{"+inputs(intInput("INPUT0"), input("INPUT1", "INT32", "[2,16]", `"data":[`+sixteen+","+sixteen+`]`))+"}"), 400, "BATCH_MISMATCH", false},
		{"52 over int32", value("2147483648"), 400, "VALUE_OUT_OF_RANGE", false},
		{"52 fraction", value("1.5"), 400, "", false},
		{"53 over float32", id("id_fp32", "FP32", "[1,1]", "[1e39]"), 400, "VALUE_OUT_OF_RANGE", false},
		{"53 over float64", id("id_fp32", "FP32", "[1,1]", "[1e400]"), 400, "VALUE_OUT_OF_RANGE", false},
		{"54 edges are legal", id("id_fp32", "FP32", "[1,3]", "[-0.0,1e-45,1e-50]"), 200, "", false},
		{"55 strings missing", id("id_bytes", "BYTES", "[1,2]", `["a"]`), 400, "", false},
		{"56 length over the body", post(simpleInfer, body, "Inference-Header-Content-Length: 99999"), 400, "BAD_BINARY_HEADER", false},
		{"56 30 digits", post(simpleInfer, body, "Inference-Header-Content-Length: "+strings.Repeat("9", 30)), 400, "BAD_BINARY_HEADER", false},
		{"57 wrong size", binaryTo("4", "abcd"), 400, "BINARY_SIZE_MISMATCH", false},
		{"57 past the end", binaryTo("8", "abcd"), 400, "BINARY_SIZE_MISMATCH", false},
		{"57 left over", binaryTo("8", "abcdefghi"), 400, "BINARY_SIZE_MISMATCH", false},
		{"61 reserved parameter", post(simpleInfer, simpleBody(`"parameters":{"triton_x":1},`)), 400, "INVALID_PARAMETER", false},
		{"61 long id", post(simpleInfer, simpleBody(`"id":"`+strings.Repeat("x", 129)+`",`)), 400, "INVALID_PARAMETER", false},
		{"61 control byte in the id", post(simpleInfer, simpleBody(`"id":"a\u0007",`)), 400, "INVALID_PARAMETER", false},
	}
	for _, unit := range []string{strings.Repeat("u", 257), "a\r\nSluice-Unit: a"} {
		f = append(f, badInput{"63 unit " + unit, post(simpleInfer, body, "Sluice-Unit: "+unit), 400, "INVALID_PARAMETER", false})
	}
	for _, budget := range []string{"0", "-5", "soon", "1e9", "1000000000", "1.2345", ".", "5\r\nSluice-Budget-Ms: 5"} {
		f = append(f, badInput{"62 budget " + budget, post(simpleInfer, body, "Sluice-Budget-Ms: "+budget), 400, "INVALID_TIMEOUT", false})
	}
	return f
}

// Every bad input gets its status and code, and the next request is served: on the same
// connection where that is safe, on a new one otherwise.
func TestBadInputs(t *testing.T) {
	models := fixtures()
	models.set("whole", "LOADING")
	e := serve(t, models, func(o *setup) { o.Limits.MaxBodyBytes = mib })
	for _, bad := range append(framingFaults(), requestFaults()...) {
		t.Run(bad.name, func(t *testing.T) { e.refuses(t, bad) })
	}
}

func (e *edge) refuses(t *testing.T, bad badInput) {
	c := e.dial()
	defer c.Close()
	go func() { _, _ = io.WriteString(c, bad.raw) }() // the answer may come before all is sent
	r := bufio.NewReader(c)
	a, err := readAnswer(r)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	var body struct{ Error, Code string }
	if a.status != 200 {
		if err := json.Unmarshal([]byte(a.body), &body); err != nil {
			t.Fatalf("the body %q is not JSON", a.body)
		}
	}
	if a.status != bad.status || bad.code != "" && body.Code != bad.code {
		t.Fatalf("got %d %s, want %d %s", a.status, a.body, bad.status, bad.code)
	}
	if a.close != bad.close {
		t.Fatalf("Connection: close is %v, want %v", a.close, bad.close)
	}
	if a.status == http.StatusServiceUnavailable && a.header.Get("Retry-After") == "" {
		t.Fatal("503 without Retry-After")
	}
	if bad.close {
		if _, err := r.ReadByte(); err == nil {
			t.Fatal("more than one answer")
		}
		e.good()
		return
	}
	if next := e.exchange(c, r, post(simpleInfer, simpleBody(""))); next.status != 200 {
		t.Fatalf("the next request on the connection got %d %s", next.status, next.body)
	}
}

// Rows 17 and 18: a client that stalls is told so.
func TestStalls(t *testing.T) {
	e := serve(t, fixtures(), func(o *setup) {
		o.HeaderTimeout, o.ReadTimeout = 50*time.Millisecond, 80*time.Millisecond
	})
	f := func(raw string, status int, code string) {
		t.Helper()
		e.refuses(t, badInput{raw: raw, status: status, code: code, close: true})
	}
	f("POST /v2", 408, "REQUEST_TIMEOUT")
	f(inferTo+"Content-Le", 408, "REQUEST_TIMEOUT")
	f(inferTo+"Content-Length: 10\r\n\r\nabc", 408, "BODY_TIMEOUT")
	f(inferTo+chunked+"5\r\nab", 408, "BODY_TIMEOUT")
}

// Row 19: nobody is answered, and the metrics say why.
func TestClientLeavesInTheBody(t *testing.T) {
	e := serve(t, fixtures(), nil)
	c := e.dial()
	fmt.Fprint(c, inferTo+"Content-Length: 10\r\n\r\nabc")
	_ = c.Close()
	e.eventually("the abandoned request is counted", func() bool {
		e.seen.mu.Lock()
		defer e.seen.mu.Unlock()
		return len(e.seen.statuses) == 1 && e.seen.statuses[0] == 499 && e.seen.refused[0] == fault.ClientClosed
	})
	e.good()
}

// Rows 60, 63, 64, 65 and 66: what the scheduler says becomes the answer.
func TestSchedulerFaults(t *testing.T) {
	f := func(err error, status int, code, retry string) {
		t.Helper()
		model := simpleModel()
		model.run = func(*task.Task) error { return err }
		e := serve(t, newFakeModels(model), nil)
		a := e.send(post(simpleInfer, simpleBody("")))
		if a.status != status || !strings.Contains(a.body, `"code":"`+code+`"`) || a.header.Get("Retry-After") != retry {
			t.Errorf("got %d %s with Retry-After %q, want %d %s %q", a.status, a.body, a.header.Get("Retry-After"), status, code, retry)
		}
		if a.header.Get("Sluice-Model") == "" {
			t.Error("the refusal does not name the model")
		}
		if strings.Contains(a.body, "/opt/secret") {
			t.Errorf("the answer shows the cause: %s", a.body)
		}
	}
	f(fault.New(fault.ModelRejectedInput, "index out of range"), 422, "MODEL_REJECTED_INPUT", "")
	f(fault.New(fault.DeadlineExceeded, "too late"), 504, "DEADLINE_EXCEEDED", "")
	f(&fault.Error{Kind: fault.Overloaded, Text: "queue full", RetryAfter: 2500 * time.Millisecond}, 429, "OVERLOADED", "3")
	f(&fault.Error{Kind: fault.Overloaded, Text: "queue full", RetryAfter: 3 * time.Millisecond}, 429, "OVERLOADED", "1")
	f(fault.New(fault.BudgetTooShort, "the model takes 584ms, the budget is 100ms"), 504, "BUDGET_TOO_SHORT", "")
	f(fault.New(fault.Draining, "shutting down"), 503, "DRAINING", "1")
	f(fault.Wrap(fault.InferenceFailed, fmt.Errorf("cannot open /opt/secret"), "the run failed"), 500, "INFERENCE_FAILED", "")
	f(fmt.Errorf("cannot open /opt/secret"), 500, "INTERNAL", "")
}
