package stub

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"time"

	"sluice/internal/oip"
)

// fixed are the bodies of documents that never change, and the value of Sluice-Model.
type fixed struct {
	live, ready, server, index, model, modelReady, config []byte
	tag                                                   string
}

func newFixed() fixed {
	document := func(v any) []byte {
		b, err := oip.AppendJSON(nil, v)
		if err != nil {
			panic("BUG: a fixed document has no JSON form: " + err.Error())
		}
		return b
	}
	digest := sha256.Sum256([]byte("sluice/loadtest/stub"))
	metadata := oip.NewModelMetadata(Model, []string{Version}, schema)
	metadata.Platform = "stub"
	about := oip.NewModelConfig(Model, schema)
	about.Platform, about.Backend = "stub", "stub"
	return fixed{
		live:       document(oip.Live{Live: true}),
		ready:      document(oip.Ready{Live: true, Ready: true}),
		server:     document(oip.ServerMetadata{Name: "sluice-stub", Version: Version, Extensions: []string{"binary_tensor_data", "model_configuration", "statistics"}}),
		index:      document([]oip.IndexEntry{{Name: Model, Version: Version, State: oip.StateReady}}),
		model:      document(metadata),
		modelReady: document(oip.ModelReady{Name: Model, Ready: true}),
		config:     document(about),
		tag:        Model + ";version=" + Version + ";digest=sha256:" + hex.EncodeToString(digest[:]),
	}
}

// place is what a path leads to.
type place uint8

const (
	nowhere place = iota
	unknownModel
	live
	ready
	server
	index
	model
	modelReady
	config
	stats
	infer
	counts
	begin
)

// Paths begin with these.
const models, thisModel = "/v2/models/", "/v2/models/" + Model

// find leads a path to its place. The version may be named.
func find(path []byte) place {
	switch string(path) {
	case "/v2/health/live":
		return live
	case "/v2/health/ready":
		return ready
	case "/v2", "/v2/":
		return server
	case "/v2/repository/index":
		return index
	case "/stub":
		return counts
	case "/stub/begin":
		return begin
	}
	rest, ok := bytes.CutPrefix(path, []byte(thisModel))
	if !ok || len(rest) > 0 && rest[0] != '/' {
		if bytes.HasPrefix(path, []byte(models)) {
			return unknownModel
		}
		return nowhere
	}
	if versioned, ok := bytes.CutPrefix(rest, []byte("/versions/"+Version)); ok {
		rest = versioned
	}
	switch string(rest) {
	case "":
		return model
	case "/ready":
		return modelReady
	case "/config":
		return config
	case "/stats":
		return stats
	case "/infer":
		return infer
	}
	return nowhere
}

// method is the one that a place takes.
func (p place) method() string {
	switch p {
	case infer, index, begin:
		return http.MethodPost
	default:
		return http.MethodGet
	}
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
