package httpfront

import (
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var newID = regexp.MustCompile(`X-Request-Id: [0-9a-f]{32}`)

var durations = regexp.MustCompile(`dur=[0-9]+\.[0-9]{3}`)

// Golden files are whole exchanges on the wire: a change of any byte is seen in review.
func TestGoldenWire(t *testing.T) {
	e := serve(t, fixtures(), nil)
	binaryBody, binaryHeaders := binarySimple()
	f := func(name, raw string) {
		t.Helper()
		c := e.dial()
		raw = strings.Replace(raw, "Host: h\r\n", "Host: h\r\nConnection: close\r\n", 1)
		_, _ = io.WriteString(c, raw)
		answer, err := io.ReadAll(c)
		if err != nil {
			t.Fatal(err)
		}
		got := raw + "\n--- answer ---\n" + newID.ReplaceAllString(durations.ReplaceAllString(string(answer), "dur=0.000"), "X-Request-Id: NEW")
		file := filepath.Join("testdata", "golden", name)
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			return
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s: got\n%q\nwant\n%q", name, got, want)
		}
	}
	f("infer_json.http", post(simpleInfer, simpleBody(`"id":"42",`)))
	f("request_id.http", get("/v2/health/live")[:len(get("/v2/health/live"))-2]+"x-request-id: 0af7-\"42\"\r\n\r\n")
	f("head.http", "HEAD /v2 HTTP/1.1\r\nHost: h\r\n\r\n")
	f("infer_binary.http", post(simpleInfer, binaryBody, "Inference-Header-Content-Length: "+binaryHeaders["Inference-Header-Content-Length"]))
	f("infer_unknown_model.http", post("/v2/models/nope/infer", simpleBody("")))
	f("infer_missing_input.http", post(simpleInfer, "{"+inputs(intInput("INPUT0"))+"}"))
	f("framing_fault.http", strings.Replace(inferTo, "Host: h\r\n", "Host: h\r\nContent-Length: 3\r\n", 1)+chunked+"0\r\n\r\n")
	f("predict_v1.http", post("/v1/models/id_fp32:predict", `{"instances":[[1,2.5],[3,4]]}`))
	f("server_metadata.http", get("/v2"))
	f("model_metadata.http", get("/v2/models/simple"))
	f("model_config.http", get("/v2/models/simple/config"))
	f("model_ready.http", get("/v2/models/simple/ready"))
	f("live.http", get("/v2/health/live"))
	f("index.http", post("/v2/repository/index", ""))
	f("stats_all.http", get("/v2/models/id_fp16/stats"))
	f("method.http", "DELETE /v2 HTTP/1.1\r\nHost: h\r\n\r\n")
}
