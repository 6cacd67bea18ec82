package payload

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// routes is a server that answers by method and path; what is not there is a 404.
type routes map[string]string

func (r routes) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	answer, ok := r[request.Method+" "+request.URL.EscapedPath()]
	switch {
	case !ok:
		http.Error(w, `{"error":"Not Found"}`, http.StatusNotFound)
	case strings.HasPrefix(answer, "503 "):
		http.Error(w, answer[4:], http.StatusServiceUnavailable)
	default:
		_, _ = w.Write([]byte(answer))
	}
}

func (r routes) with(extra routes) routes {
	all := routes{}
	for _, set := range []routes{r, extra} {
		for k, v := range set {
			if all[k] = v; v == "404" {
				delete(all, k)
			}
		}
	}
	return all
}

// serve starts a server and returns its address.
func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

const etaMetadata = `{"name":"eta","versions":["1","2"],"platform":"onnxruntime_onnx","inputs":[{"name":"features","datatype":"FP32","shape":[-1,12]}],"outputs":[{"name":"eta_minutes","datatype":"FP32","shape":[-1,1]}],"properties":{"digest":"abc"}}`

var sluice = routes{
	"GET /v2/health/ready":              `{"live":true,"ready":true}`,
	"GET /v2":                           `{"name":"sluice","version":"0.1","extensions":["binary_tensor_data"]}`,
	"POST /v2/repository/index":         `[{"name":"eta","version":"1","state":"READY"},{"name":"eta","version":"2","state":"READY"},{"name":"old","state":"UNAVAILABLE"}]`,
	"GET /v2/models/eta":                etaMetadata,
	"GET /v2/models/eta/ready":          `{"name":"eta","ready":true}`,
	"GET /v2/models/eta/versions/2":     etaMetadata,
	"GET /v2/models/a%2Fb":              strings.Replace(etaMetadata, `"eta"`, `"a/b"`, 1),
	"GET /v2/models/odd":                `{"name":"odd","inputs":[{"name":"x","datatype":"FP8","shape":[1]}],"outputs":[]}`,
	"GET /v2/models/broken":             `{"name":"broken","inputs":7}`,
	"GET /v2/models/loading":            etaMetadata,
	"GET /v2/models/loading/ready":      `503 {"error":"it warms up"}`,
	"GET /v2/models/eta/versions/2/xyz": ``,
}

func TestDiscover(t *testing.T) {
	f := func(name string, server routes, model, version, want string) {
		t.Helper()
		m, err := Discover(context.Background(), serve(t, server), model, version)
		got := ""
		var usage *UsageError
		var notReady *NotReadyError
		switch {
		case errors.As(err, &usage):
			got = "usage: " + err.Error()
		case errors.As(err, &notReady):
			got = "not ready: " + err.Error()
		case err != nil:
			got = "neither: " + err.Error()
		default:
			got = strings.Join([]string{m.Server, m.Name, m.Version, strings.Join(m.Versions, "+"), m.Digest, m.Inputs[0].Name, m.Inputs[0].Type.String(), showShape(m.Inputs[0].Shape), m.Outputs[0].Name}, " ")
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q in it", name, got, want)
		}
	}
	const eta = "sluice 0.1 eta  1+2 abc features FP32 [-1,12] eta_minutes"
	f("the only model", sluice, "", "", eta)
	f("by name", sluice, "eta", "", eta)
	f("by version", sluice, "eta", "2", "sluice 0.1 eta 2 1+2 abc")
	f("escaped", sluice, "a/b", "", "a/b  1+2")
	f("no metadata of the server", sluice.with(routes{"GET /v2": "404"}), "", "", " eta  1+2 abc")
	f("a list instead of an index", sluice.with(routes{"POST /v2/repository/index": "404", "GET /v2/models": `{"models":["eta"]}`}), "", "", eta)
	f("KServe's V1 list", sluice.with(routes{"POST /v2/repository/index": "404", "GET /v1/models": `{"models":["eta"]}`}), "", "", eta)
	f("no list at all", sluice.with(routes{"POST /v2/repository/index": "404"}), "", "", "usage: target http://127.0.0.1:")
	f("no list at all", sluice.with(routes{"POST /v2/repository/index": "404"}), "", "", "does not list its models (it has no repository index): name one with --model")
	f("many", sluice.with(routes{"POST /v2/repository/index": `[{"name":"eta"},{"name":"digits"}]`}), "", "", "usage: target has 2 models: digits, eta; name one with --model")
	f("none", sluice.with(routes{"POST /v2/repository/index": `[]`}), "", "", "has no model that is ready")
	f("index is no index", sluice.with(routes{"POST /v2/repository/index": `{}`}), "", "", "not ready: target")
	f("wrong model", sluice, "nope", "", `not ready: target has no model "nope" that is ready: status 404, Not Found; it has eta`)
	f("wrong version", sluice, "eta", "9", `not ready: target has no model "eta" version "9" that is ready: status 404, Not Found`)
	f("loading", sluice, "loading", "", `not ready: model "loading" is not ready: status 503, it warms up`)
	f("odd type", sluice, "odd", "", `not ready: model "odd" cannot be tested: an input: 'x' has the datatype 'FP8'`)
	f("broken", sluice, "broken", "", "not ready: target")
	f("not ready", sluice.with(routes{"GET /v2/health/ready": `503 {"error":"draining"}`}), "", "", "is not ready: status 503, draining")
	f("not ready, says so", sluice.with(routes{"GET /v2/health/ready": `{"ready": false}`}), "", "", "is not ready: it answers")
	f("another protocol", routes{}, "", "", "it does not speak the Open Inference Protocol")
}

func TestDiscoverUnreachable(t *testing.T) {
	s := httptest.NewServer(routes{})
	url := s.URL
	s.Close()
	var notReady *NotReadyError
	if _, err := Discover(context.Background(), url, "", ""); !errors.As(err, &notReady) || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("got %v, want a NotReadyError that says why", err)
	}
}

func TestParseTarget(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		target, err := ParseTarget(text)
		got := strings.Join([]string{target.URL, target.Addr, target.Host, target.Base}, " ")
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
	f("localhost:8080", "http://localhost:8080 localhost:8080 localhost:8080 ")
	f("http://h", "http://h h:80 h ")
	f("http://h:1/a/b/", "http://h:1/a/b h:1 h:1 /a/b")
	f("[::1]:8080", "http://[::1]:8080 [::1]:8080 [::1]:8080 ")
	f("", "is no address")
	f("http://", "is no address")
	f("https://h", "TLS is not supported")
	f("ftp://h", "the scheme must be http")
	f("http://h?x=1", "without a query")
}

func TestParseOptions(t *testing.T) {
	f := func(name string, err error, want string) {
		t.Helper()
		var usage *UsageError
		if want == "" && err != nil || want != "" && (!errors.As(err, &usage) || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
	shape := func(text, input string, dims []int64, want string) {
		t.Helper()
		name, got, err := ParseShape(text)
		f(text, err, want)
		if err == nil && (name != input || !slices.Equal(got, dims)) {
			t.Errorf("%s: got %q %v", text, name, got)
		}
	}
	shape("x=1,128", "x", []int64{1, 128}, "")
	shape("a=b=-1,2", "a=b", []int64{-1, 2}, "")
	shape("x=", "x", []int64{}, "")
	shape("x", "", nil, "give an input and its dimensions")
	shape("=1", "", nil, "give an input and its dimensions")
	shape("x=1,a", "", nil, `dimension "a" is no length`)
	shape("x=-2", "", nil, `dimension "-2" is no length`)

	dim := func(text, key, shown, want string) {
		t.Helper()
		name, got, err := ParseDim(text)
		f(text, err, want)
		if err == nil && (name != key || got.String() != shown) {
			t.Errorf("%s: got %q %v", text, name, got)
		}
	}
	dim("batch=8", "batch", "8", "")
	dim("batch=uniform:1-8", "batch", "1-8", "")
	dim("a.b.1=choice:16|32", "a.b.1", "16|32", "")
	dim("batch", "", "", "give a dimension and its length")
	dim("x=1", "", "", `give "batch", or an input and an axis`)
	dim("x.a=1", "", "", `give "batch", or an input and an axis`)
	dim("batch=uniform:8-1", "", "", "the lower one first")
	dim("batch=uniform:8", "", "", "give the bounds")
	dim("batch=-1", "", "", `"-1" is no length`)
	dim("batch=choice:", "", "", `"" is no length`)

	for text, want := range map[string]string{"0..1": "", "-1e3..2": "", "1..0": "lower one first", "a..b": "two numbers", "1": "two numbers", "NaN..1": "two numbers", "-Inf..Inf": "two numbers"} {
		_, err := ParseRange(text)
		f(text, err, want)
	}
}
