package oip

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"

	"sluice/internal/jsonscan"
)

// The documents of this file and its neighbours (metadata.go, statistics.go,
// repository.go) are off the hot path: structs for encoding/json.

// Live is the answer of the liveness endpoint.
type Live struct {
	Live bool `json:"live"`
}

// Ready is the answer of the readiness endpoint.
type Ready struct {
	Live  bool `json:"live"`
	Ready bool `json:"ready"`
	// Degraded says what the server does without, such as a device that is closed; it
	// is an extension, and left out while nothing is missing.
	Degraded []string `json:"degraded,omitempty"`
}

// ModelReady is the answer of a model's readiness endpoint.
type ModelReady struct {
	Name  string `json:"name"`
	Ready bool   `json:"ready"`
}

// AppendJSON appends a document, compact, with text as it is: no HTML escapes.
func AppendJSON(dst []byte, document any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(document); err != nil {
		return dst, err
	}
	return append(dst, bytes.TrimSuffix(out.Bytes(), []byte{'\n'})...), nil
}

// AppendError appends the body of every refusal. again is when another try makes sense, 0 if that
// is not known.
func AppendError(dst []byte, text, code string, again time.Duration) []byte {
	dst = jsonscan.AppendString(append(dst, `{"error":`...), text)
	dst = jsonscan.AppendString(append(dst, `,"code":`...), code)
	if again > 0 {
		dst = strconv.AppendFloat(append(dst, `,"retry_after_ms":`...), float64(again.Microseconds())/1000, 'f', 3, 64)
	}
	return append(dst, '}')
}
