package httpfront

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"sluice/internal/fault"
)

// conformance is one case of the protocol's conformance list; n is its number there.
// Shared memory (48), logging and trace (49) are not served; 52 is a real client.
type conformance struct {
	t *testing.T
	e *edge
}

// want sends a request and checks the status and parts of the body.
func (c conformance) want(n int, raw string, status int, parts ...string) answerOf {
	c.t.Helper()
	a := c.e.send(raw)
	if a.status != status {
		c.t.Errorf("case %d: got %d %s, want %d", n, a.status, a.body, status)
	}
	for _, part := range parts {
		if !strings.Contains(a.body, part) {
			c.t.Errorf("case %d: body %.300q lacks %q", n, a.body, part)
		}
	}
	if status >= 400 {
		c.errorBody(n, a)
	}
	return a
}

// errorBody checks the form of every refusal.
func (c conformance) errorBody(n int, a answerOf) {
	c.t.Helper()
	var body map[string]string
	if err := json.Unmarshal([]byte(a.body), &body); err != nil || body["error"] == "" || body["code"] == "" || len(body) != 2 {
		c.t.Errorf("case %d: error body %q is not {error, code}", n, a.body)
	}
	if got := a.header.Get("Content-Type"); got != "application/json" {
		c.t.Errorf("case %d: Content-Type of the error is %q", n, got)
	}
	if a.header.Get("Content-Encoding") != "" {
		c.t.Errorf("case %d: the error is compressed", n)
	}
}

func get(path string) string { return request("GET", path, "") }

func post(path, body string, headers ...string) string {
	return request("POST", path, body, headers...)
}

// binaryPost puts blobs behind the JSON.
func binaryPost(path, header string, blobs ...[]byte) string {
	return post(path, header+string(bytes.Join(blobs, nil)), "Inference-Header-Content-Length: "+strconv.Itoa(len(header)))
}

func ints(values ...int32) []byte {
	b, _ := binary.Append(nil, binary.LittleEndian, values)
	return b
}

func floats(values ...float32) []byte {
	b, _ := binary.Append(nil, binary.LittleEndian, values)
	return b
}

func count(from int32) []byte {
	b := make([]int32, 16)
	for i := range b {
		b[i] = from + int32(i)
	}
	return ints(b...)
}

// input renders one entry of "inputs".
func input(name, datatype, shape, data string) string {
	return fmt.Sprintf(`{"name":%q,"datatype":%q,"shape":%s,%s}`, name, datatype, shape, data)
}

func inputs(entries ...string) string { return `"inputs":[` + strings.Join(entries, ",") + `]` }

const blob64 = `"parameters":{"binary_data_size":64}`

func intInput(name string) string {
	return input(name, "INT32", "[1,16]", `"data":[`+sixteen+`]`)
}

func TestConformanceDescriptions(t *testing.T) {
	e := serve(t, fixtures(), nil)
	c := conformance{t, e}
	c.want(1, get("/v2/health/live"), 200, `{"live":true}`)

	e.models.set("raw1", "LOADING")
	c.want(2, get("/v2/health/ready"), 503, "raw1", "MODEL_NOT_READY")
	c.want(2, get("/v2/models/raw1/ready"), 503, "not at ready state")
	e.models.set("raw1", "")
	c.want(2, get("/v2/health/ready"), 200, `{"live":true,"ready":true}`)

	c.want(3, get("/v2"), 200, `"name":"sluice"`, `"version":"1.2.3"`, `"binary_tensor_data"`, `"statistics"`)
	c.want(3, get("/v2/?x=1"), 200, `"name":"sluice"`)
	a := c.want(4, post("/v2", ""), 405, `"error":"Method Not Allowed"`)
	if a.header.Get("Allow") != "GET, HEAD" {
		t.Errorf("case 4: Allow is %q", a.header.Get("Allow"))
	}
	c.want(5, get("/v2/nope"), 404, `"error":"Not Found"`)
	c.want(6, get("/v2/models/simple"), 200, `"versions":["1"]`, `{"name":"INPUT0","datatype":"INT32","shape":[-1,16]}`, `"platform":"fake"`)
	c.want(6, get("/v2/models/simple/config"), 200, `"max_batch_size":8`, `"data_type":"TYPE_INT32"`, `"dims":[16]`, `"dynamic_batching":{}`)
	c.want(6, get("/v2/models/%73imple/versions/1"), 200, `"name":"simple"`)
	c.want(7, get("/v2/models/foo"), 404, `{"error":"Request for unknown model: 'foo' is not found`)
	c.want(8, get("/v2/models/simple/versions/99"), 404, "version 99 is not found")
	c.want(8, get("/v2/models/simple/versions/a%20b"), 404, "'simple' has no such version; its versions: '1'")
	c.want(9, get("/v2/models/simple/ready"), 200, `{"name":"simple","ready":true}`)
	c.want(9, get("/v2/models/simple/versions/2/ready"), 404)

	// A version that is loaded and that no device runs now is not ready.
	c.want(9, get("/v1/models/simple"), 200, `"ready":true`)
	simple := e.models.models["simple"]
	simple.away.Store(fault.New(fault.ModelNotReady, "model 'simple' version 1 is not ready: device fake takes no work"))
	for _, path := range []string{"/v2/models/simple/ready", "/v2/models/simple/versions/1/ready"} {
		c.want(9, get(path), 503, `"error":"model 'simple' version 1 is not ready: device fake takes no work"`, "MODEL_NOT_READY")
	}
	c.want(9, get("/v1/models/simple"), 200, `"ready":false`, `"state":"AVAILABLE"`)
	c.want(9, get("/v2/models/raw1/ready"), 200)
	if n := simple.pins.Load(); n != 0 {
		t.Errorf("%d pins are left", n)
	}
}

func TestConformanceOutputs(t *testing.T) {
	e := serve(t, fixtures(), nil)
	c := conformance{t, e}
	const sum, zeros = `"data":[2,4,6,8,10,12,14,16,18,20,22,24,26,28,30,32]`, `"data":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]`
	both := inputs(intInput("INPUT0"), intInput("INPUT1"))
	c.want(10, post(simpleInfer, "{"+both+"}"), 200, sum, zeros)
	nested := inputs(input("INPUT0", "INT32", "[1,16]", `"data":[[`+sixteen+`]]`), intInput("INPUT1"))
	c.want(11, post(simpleInfer, "{"+nested+"}"), 200, sum, zeros)

	// The blobs of an answer follow its JSON in the order of outputs.
	f := func(n int, more string, wantJSON []string, wantBlob []byte) {
		t.Helper()
		a := c.want(n, post(simpleInfer, "{"+both+more+"}"), 200, wantJSON...)
		length := len(a.body)
		if len(wantBlob) > 0 {
			if a.header.Get("Content-Type") != "application/octet-stream" {
				t.Errorf("case %d: Content-Type is %q", n, a.header.Get("Content-Type"))
			}
			length, _ = strconv.Atoi(a.header.Get("Inference-Header-Content-Length"))
		} else if h := a.header.Get("Inference-Header-Content-Length"); h != "" {
			t.Errorf("case %d: a JSON answer has the header length %q", n, h)
		}
		if !json.Valid([]byte(a.body[:length])) || a.body[length:] != string(wantBlob) {
			t.Errorf("case %d: got JSON %s and blob %x", n, a.body[:length], a.body[length:])
		}
	}
	sumBlob, zeroBlob := ints(2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32), make([]byte, 64)
	f(12, `,"outputs":[{"name":"OUTPUT0","parameters":{"binary_data":true}},{"name":"OUTPUT1","parameters":{"binary_data":false}}]`, []string{zeros, `"binary_data_size":64`}, sumBlob)
	f(13, `,"outputs":[{"name":"OUTPUT0","parameters":{"binary_data":true}},{"name":"OUTPUT1"}]`, []string{zeros}, sumBlob)
	f(14, `,"parameters":{"binary_data_output":true}`, nil, append(sumBlob, zeroBlob...))
	f(15, `,"parameters":{"binary_data_output":true},"outputs":[{"name":"OUTPUT0","parameters":{"binary_data":false}},{"name":"OUTPUT1"}]`, []string{sum, zeros}, nil)
	f(35, `,"id":"42"`, []string{`{"id":"42",`}, nil)
	f(35, ``, []string{`{"model_name"`}, nil)
	f(35, `,"id":""`, []string{`{"model_name"`}, nil)
}

func TestConformanceBinaryInputs(t *testing.T) {
	e := serve(t, fixtures(), nil)
	c := conformance{t, e}
	blobIn := func(name string) string { return input(name, "INT32", "[1,16]", blob64) }
	mixed := "{" + inputs(blobIn("INPUT0"), intInput("INPUT1")) + "}"
	c.want(16, binaryPost(simpleInfer, mixed, count(1)), 200, `[2,4,6`)
	swapped := "{" + inputs(blobIn("INPUT1"), blobIn("INPUT0")) + "}"
	c.want(17, binaryPost(simpleInfer, swapped, count(1), count(101)), 200, `"data":[102,104`, `"data":[100,100`)
	c.want(18, binaryPost(simpleInfer, simpleBody("")), 200, `[2,4,6`)
	body := simpleBody("")
	for _, length := range []string{"99999999999", "-1", "abc", strconv.Itoa(len(body) + 1)} {
		c.want(19, post(simpleInfer, body, "Inference-Header-Content-Length: "+length), 400, "BAD_BINARY_HEADER")
		e.good()
	}
	a := c.want(20, post("/v2/models/raw1/infer", string(floats(1, 2, 3, 4, 5, 6, 7, 8)), "Inference-Header-Content-Length: 0"), 200, `"shape":[1,8]`)
	if !strings.HasSuffix(a.body, string(floats(1, 2, 3, 4, 5, 6, 7, 8))) {
		t.Errorf("case 20: the answer's tensor is not binary: %q", a.body)
	}
	c.want(21, post(simpleInfer, "1234", "Inference-Header-Content-Length: 0"), 400, "Raw request must only have 1 input")
	two := "{" + inputs(blobIn("INPUT0"), blobIn("INPUT1")) + "}"
	c.want(22, binaryPost(simpleInfer, two, count(1), count(1)[4:]), 400, "expecting 4 additional bytes")
	c.want(22, binaryPost(simpleInfer, two, count(1), count(1), ints(7)), 400, "unexpected additional input data")
	c.want(23, post(simpleInfer, "{"+inputs(input("INPUT0", "INT32", "[1,16]", `"data":[`+sixteen+`],`+blob64), intInput("INPUT1"))+"}"), 400, "Input must set only one")
	c.want(23, post(simpleInfer, "{"+inputs(`{"name":"INPUT0","datatype":"INT32","shape":[1,16]}`, intInput("INPUT1"))+"}"), 400, "Input must set only one")
}

func TestConformanceChecks(t *testing.T) {
	e := serve(t, fixtures(), nil)
	c := conformance{t, e}
	one := func(datatype, shape, data string) string {
		return post(simpleInfer, "{"+inputs(input("INPUT0", datatype, shape, `"data":`+data), intInput("INPUT1"))+"}")
	}
	c.want(24, one("INT32", "[1,16]", `[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15]`), 400, "DATA_LENGTH_MISMATCH")
	c.want(24, one("INT32", "[1,16]", `[`+sixteen+`,17,18]`), 400, "DATA_LENGTH_MISMATCH")
	c.want(25, post(simpleInfer, "{"+inputs(intInput("INPUT0"))+"}"), 400, "INPUT1", "MISSING_INPUT")
	c.want(26, post(simpleInfer, "{"+inputs(intInput("INPUT0"), intInput("INPUT1"), intInput("X"))+"}"), 400, "UNKNOWN_INPUT")
	c.want(26, post(simpleInfer, "{"+inputs(intInput("INPUT0"), intInput("INPUT0"))+"}"), 400, "DUPLICATE_INPUT")
	c.want(26, post(simpleInfer, simpleBody(`"outputs":[{"name":"X"}],`)), 400, "UNKNOWN_OUTPUT")
	c.want(26, post(simpleInfer, simpleBody(`"outputs":[{"name":"OUTPUT0"},{"name":"OUTPUT0"}],`)), 400, "DUPLICATE_OUTPUT")
	c.want(27, one("FP32", "[1,16]", `[`+sixteen+`]`), 400, "data-type is 'FP32'", "expects 'INT32'")
	nine := strings.Repeat(sixteen+",", 8) + sixteen
	long := func(name string) string { return input(name, "INT32", "[9,16]", `"data":[`+nine+`]`) }
	c.want(28, post(simpleInfer, "{"+inputs(long("INPUT0"), long("INPUT1"))+"}"), 400, "BATCH_TOO_LARGE", "<= 8")
	c.want(28, one("INT32", "[1,17]", `[`+sixteen+`,17]`), 400, "unexpected shape for input 'INPUT0'")
	c.want(29, one("INT32", "[2,-5]", `[1]`), 400, "INVALID_SHAPE")
	c.want(29, post("/v2/models/id_fp32/infer", "{"+inputs(input("INPUT0", "FP32", "[16,1152921504606846978]", `"data":[1]`))+"}"), 400, "SHAPE_TOO_LARGE")
	c.want(29, post("/v2/models/id_fp32/infer", "{"+inputs(input("INPUT0", "FP32", "[4,1152921504606846978]", `"data":[1]`))+"}"), 400, "SHAPE_TOO_LARGE")
	nest := func(depth int) string {
		return one("INT32", "[1,16]", strings.Repeat("[", depth)+sixteen+strings.Repeat("]", depth))
	}
	c.want(30, nest(50), 200)
	c.want(30, nest(120), 400, "JSON_TOO_DEEP")
	c.want(36, post(simpleInfer, `{"inputs":[`), 400, "INVALID_JSON")
	c.want(36, post(simpleInfer, simpleBody("")+"x"), 400, "INVALID_JSON")
	c.want(36, post(simpleInfer, `{"id":"1"}`), 400, "INVALID_INPUTS")
}

func TestConformanceTypes(t *testing.T) {
	e := serve(t, fixtures(), nil)
	c := conformance{t, e}
	half := []byte{0x00, 0x3c, 0x00, 0xc0} // 1, -2
	fp16 := input("INPUT0", "FP16", "[1,2]", `"parameters":{"binary_data_size":4}`)
	c.want(31, post("/v2/models/id_fp16/infer", "{"+inputs(input("INPUT0", "FP16", "[1,2]", `"data":[1,-2]`))+"}"), 400, "FP16")
	a := c.want(31, binaryPost("/v2/models/id_fp16/infer", `{"parameters":{"binary_data_output":true},`+inputs(fp16)+"}", half), 200)
	if !strings.HasSuffix(a.body, string(half)) {
		t.Errorf("case 31: got %q", a.body)
	}
	c.want(31, binaryPost("/v2/models/id_fp16/infer", "{"+inputs(fp16)+"}", half), 400, "FP16")

	c.want(32, post("/v2/models/id_bytes/infer", "{"+inputs(input("INPUT0", "BYTES", "[1,2]", `"data":["gr\u00fc\u00df\u0000e","ü"]`))+"}"), 200, `"data":["grüß\u0000e","ü"]`)
	c.want(32, binaryPost("/v2/models/id_bytes/infer", `{"inputs":[{"name":"INPUT0","shape":[1,2],"datatype":"BYTES","parameters":{"binary_data_size":10}}],"outputs":[{"name":"OUTPUT0"}]}`, []byte("\x02\x00\x00\x00hi\x00\x00\x00\x00")), 200,
		`{"model_name":"id_bytes","model_version":"1","outputs":[{"name":"OUTPUT0","datatype":"BYTES","shape":[1,2],"data":["hi",""]}]}`)

	inf := float32(math.Inf(1))
	c.want(33, binaryPost("/v2/models/id_fp32/infer", "{"+inputs(input("INPUT0", "FP32", "[1,3]", `"parameters":{"binary_data_size":12}`))+"}", floats(float32(math.NaN()), inf, -inf)), 200, `[NaN,Infinity,-Infinity]`)
	for path, shape := range map[string]string{"/v2/models/whole/infer": "[0]", "/v2/models/id_fp32/infer": "[1,0]"} {
		a := c.want(34, post(path, `{"parameters":{"binary_data_output":true},`+inputs(input("INPUT0", "FP32", shape, `"data":[]`))+"}"), 200, `"shape":`+shape)
		if h := a.header.Get("Inference-Header-Content-Length"); h != "" {
			t.Errorf("case 34: an empty answer has the header length %q", h)
		}
	}
	c.want(34, post("/v2/models/id_fp32/infer", "{"+inputs(input("INPUT0", "FP32", "[0,2]", `"data":[]`))+"}"), 400, "INVALID_SHAPE", "input 'INPUT0' has no rows: axis 0 of its shape [0,2] counts the rows of the request, and there must be one at least")
	c.want(34, binaryPost("/v2/models/id_fp32/infer", "{"+inputs(input("INPUT0", "FP32", "[0,2]", `"parameters":{"binary_data_size":0}`))+"}"), 400, "INVALID_SHAPE")
	c.want(42, post("/v2/models/classify/infer", `{"outputs":[{"name":"OUTPUT0","parameters":{"classification":2}}],`+inputs(input("INPUT0", "FP32", "[2,3]", `"data":[1,3.3,2,9,8,7]`))+"}"), 200,
		`"datatype":"BYTES","shape":[2,2]`, `["3.300000:1:dog","2.000000:2:owl","9.000000:0:cat","8.000000:1:dog"]`)
}

func TestConformanceParameters(t *testing.T) {
	e := serve(t, fixtures(), nil)
	c := conformance{t, e}
	c.want(41, post(simpleInfer, simpleBody(`"parameters":{"a":1,"b":"x","c":true,"d":1.5},`)), 200)
	c.want(41, post(simpleInfer, simpleBody(`"parameters":{"triton_x":1},`)), 400, "reserved")
	c.want(41, post(simpleInfer, simpleBody(`"parameters":{"headers":{"x":"y"}},`)), 200) // some clients send objects
}

func TestConformanceStatisticsAndIndex(t *testing.T) {
	e := serve(t, fixtures(), nil)
	c := conformance{t, e}
	type counts struct {
		Inferences int                            `json:"inference_count"`
		Executions int                            `json:"execution_count"`
		Stats      map[string]struct{ Count int } `json:"inference_stats"`
	}
	stats := func() counts {
		a := c.want(44, get("/v2/models/simple/versions/1/stats"), 200, `"cache_miss":{"count":0,"ns":0}`)
		var all struct {
			Models []counts `json:"model_stats"`
		}
		if err := json.Unmarshal([]byte(a.body), &all); err != nil || len(all.Models) != 1 {
			t.Fatalf("case 44: statistics are %s", a.body)
		}
		return all.Models[0]
	}
	before := stats()
	four := strings.Repeat(sixteen+",", 3) + sixteen
	in := func(name string) string { return input(name, "INT32", "[4,16]", `"data":[`+four+`]`) }
	c.want(44, post(simpleInfer, "{"+inputs(in("INPUT0"), in("INPUT1"))+"}"), 200)
	b, a := before, stats()
	if a.Inferences != b.Inferences+4 || a.Executions != b.Executions+1 || a.Stats["success"].Count != b.Stats["success"].Count+1 || a.Stats["queue"].Count != b.Stats["queue"].Count+1 {
		t.Errorf("case 44: statistics went from %+v to %+v", b, a)
	}
	c.want(44, get("/v2/models/stats"), 200, `"name":"classify"`, `"name":"simple"`)
	c.want(45, get("/v2/models/foo/stats"), 400, "requested model 'foo' is not available", "Request for unknown model: 'foo' is not found")
	c.want(45, get("/v2/models/simple/versions/9/stats"), 400, "requested model version is not available for model 'simple'", "Request for unknown model: 'simple' version 9 is not found")

	e.models.set("raw1", "UNAVAILABLE")
	c.want(46, post("/v2/repository/index", ""), 200, `{"name":"simple","version":"1","state":"READY"}`, `"state":"UNAVAILABLE"`)
	c.want(46, post("/v2/repository/index", "{}"), 200, `"state":"UNAVAILABLE"`)
	if a := c.want(46, post("/v2/repository/index", `{"ready":true}`), 200, `"READY"`); strings.Contains(a.body, "UNAVAILABLE") {
		t.Errorf("case 46: got %s", a.body)
	}
	c.want(46, post("/v2/repository/index", `{"ready":[1]}`), 400, "Invalid value for 'ready'")
	c.want(46, "POST /v2/repository/index HTTP/1.1\r\nHost: h\r\n\r\n", 200, `"READY"`)
}

func TestConformanceV1(t *testing.T) {
	e := serve(t, fixtures(), nil)
	c := conformance{t, e}
	const fp32 = "/v1/models/id_fp32:predict"
	c.want(50, post(fp32, `{"instances":[[1,2.5],[3,4]]}`), 200, `{"predictions":[[1.0,2.5],[3.0,4.0]]}`)
	c.want(50, post("/v1/models/id_fp32/versions/1:predict", `{"inputs":[[1,2.5]]}`), 200, `{"outputs":[[1.0,2.5]]}`)
	row := `{"INPUT0":[` + sixteen + `],"INPUT1":[` + sixteen + `]}`
	c.want(50, post("/v1/models/simple:predict", `{"instances":[`+row+`]}`), 200, `"OUTPUT0":[2,4,6`)
	c.want(50, post("/v1/models/simple:predict", `{"inputs":{"INPUT0":[[`+sixteen+`]],"INPUT1":[[`+sixteen+`]]}}`), 200, `"OUTPUT0":[[2,4,6`)
	c.want(50, post(fp32, `{"instances":[[1]],"inputs":[[1]]}`), 400)
	for _, path := range []string{"/v1/models/id_fp32%3Apredict", "/v1/models/id_fp32%3apredict", "/v1/models/id_fp32/versions/1%3Apredict", "/v1/models/%69d_fp32%3Apredict"} {
		c.want(50, post(path, `{"instances":[[1,2.5],[3,4]]}`), 200, `{"predictions":[[1.0,2.5],[3.0,4.0]]}`)
	}
	c.want(50, get("/v1/models/id_fp32%3Apredict"), 405)
	c.want(50, post("/v1/models/nope%3Apredict", `{"instances":[[1]]}`), 404, "MODEL_NOT_FOUND")
	c.want(50, post(fp32, `{}`), 400, "Missing 'inputs' or 'instances' key")
	c.want(50, post("/v1/models/id_bytes:predict", `{"instances":[[{"b64":"aGk="}]]}`), 200, `"hi"`)
	c.want(50, post("/v1/models/foo:predict", `{"instances":[[1]]}`), 404)
	c.want(51, get("/v1/models/simple"), 200, `"ready":true`, `"state":"AVAILABLE"`, `"version":"1"`)
	c.want(51, get("/v1/models/foo"), 404)
	c.want(51, get("/v1/models"), 200, `{"models":["classify"`)
	c.want(51, get("/"), 200, `{"status":"alive"}`)
}

// A server that is ready without something says so; nothing is said while all is well.
func TestDegradedReadiness(t *testing.T) {
	var missing atomic.Pointer[[]string]
	missing.Store(&[]string{})
	e := serve(t, fixtures(), func(o *setup) { o.Degraded = func() []string { return *missing.Load() } })
	if a := e.send(get("/v2/health/ready")); a.status != 200 || a.body != `{"live":true,"ready":true}` {
		t.Errorf("with nothing missing: %d %s", a.status, a.body)
	}
	missing.Store(&[]string{"device cuda:0 is closed: its worker restarts"})
	if a := e.send(get("/v2/health/ready")); a.status != 200 || a.body != `{"live":true,"ready":true,"degraded":["device cuda:0 is closed: its worker restarts"]}` {
		t.Errorf("with a device missing: %d %s", a.status, a.body)
	}
}
