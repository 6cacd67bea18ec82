package stub

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"sluice/internal/oip"
)

// models and thisModel are what paths begin with.
const models, thisModel = "/v2/models/", "/v2/models/" + Model

// tag is the value of Sluice-Model.
var tag = fmt.Sprintf("%s;version=%s;digest=sha256:%x", Model, Version, sha256.Sum256([]byte("sluice/loadtest/stub")))

// route is what a path leads to: a document, or inference.
type route struct {
	method   string
	document func(*loop) []byte // nil for inference
}

// newRoutes are all routes by path. The version may be named.
func newRoutes() map[string]route {
	metadata := oip.NewModelMetadata(Model, []string{Version}, schema)
	metadata.Platform = "stub"
	about := oip.NewModelConfig(Model, schema)
	about.Platform, about.Backend = "stub", "stub"
	server := fixed(http.MethodGet, oip.ServerMetadata{Name: "sluice-stub", Version: Version, Extensions: []string{"binary_tensor_data", "model_configuration", "statistics"}})
	routes := map[string]route{
		"/v2/health/live":      fixed(http.MethodGet, oip.Live{Live: true}),
		"/v2/health/ready":     fixed(http.MethodGet, oip.Ready{Live: true, Ready: true}),
		"/v2":                  server,
		"/v2/":                 server,
		"/v2/repository/index": fixed(http.MethodPost, []oip.IndexEntry{{Name: Model, Version: Version, State: oip.StateReady}}),
		"/stub":                {http.MethodGet, (*loop).countsNow},
		"/stub/begin":          {http.MethodPost, (*loop).begin},
	}
	for _, at := range []string{thisModel, thisModel + "/versions/" + Version} {
		routes[at] = fixed(http.MethodGet, metadata)
		routes[at+"/ready"] = fixed(http.MethodGet, oip.ModelReady{Name: Model, Ready: true})
		routes[at+"/config"] = fixed(http.MethodGet, about)
		routes[at+"/stats"] = route{http.MethodGet, (*loop).statistics}
		routes[at+"/infer"] = route{method: http.MethodPost}
	}
	return routes
}

// fixed is a document that never changes.
func fixed(method string, document any) route {
	b, err := oip.AppendJSON(nil, document)
	if err != nil {
		panic("BUG: a fixed document has no JSON form: " + err.Error())
	}
	return route{method, func(*loop) []byte { return b }}
}

// appendHead appends the head of an answer but for its last line end.
func appendHead(dst []byte, status, body int) []byte {
	dst = strconv.AppendInt(append(dst, "HTTP/1.1 "...), int64(status), 10)
	dst = append(append(dst, ' '), http.StatusText(status)...)
	dst = append(dst, "\r\nContent-Length: "...)
	return append(strconv.AppendInt(dst, int64(body), 10), "\r\n"...)
}

const (
	typeJSON   = "Content-Type: application/json\r\n"
	typeBinary = "Content-Type: application/octet-stream\r\n"
)

// appendMillis appends a time in milliseconds with three decimals.
func appendMillis(dst []byte, d time.Duration) []byte {
	us := max(0, d.Microseconds())
	dst = strconv.AppendInt(dst, us/1000, 10)
	us %= 1000
	return append(dst, '.', byte('0'+us/100), byte('0'+us/10%10), byte('0'+us%10))
}
