package trace

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"

	"sluice/internal/jsonscan"
)

// payloadsVersion is the only version of a file of payloads so far.
const payloadsVersion = 1

// Limits of a file of payloads.
const (
	// MaxBody is the largest body, in bytes: what a gateway's own limit may be at most.
	MaxBody = 1 << 30
	// MaxType is the longest content type and content encoding, in bytes.
	MaxType = 256
	// keyLength is that of a key: 128 bits in hexadecimal digits.
	keyLength = 32
	// maxKnown is how many bodies a writer remembers, of about 100 bytes each. One that it has
	// forgotten, or never knew, is written again.
	maxKnown = 1 << 18
)

// Payload is the body of a request, and what has to be known to send it again.
type Payload struct {
	// Protocol is which of the predict paths it came on: v2 or v1.
	Protocol string
	// Type and Encoding are the values of Content-Type and Content-Encoding; "" without one.
	Type, Encoding string
	// Header is the length of the JSON in front of binary tensors; -1 if the request names none.
	Header int64
	Body   []byte
}

// PayloadsPath is the file of a trace's payloads.
func PayloadsPath(path string) string { return path + ".payloads" }

// Check holds a payload to the format's limits. It allocates for an error alone.
func (p *Payload) Check() error {
	switch {
	case p.Protocol != "v1" && p.Protocol != "v2":
		return fmt.Errorf("protocol %.40q is neither v1 nor v2", p.Protocol)
	case len(p.Type) > MaxType || len(p.Encoding) > MaxType:
		return fmt.Errorf("the type or the encoding has more than %d bytes", MaxType)
	case !utf8.ValidString(p.Type) || !utf8.ValidString(p.Encoding):
		return fmt.Errorf("type %q or encoding %q is not UTF-8", p.Type, p.Encoding)
	case len(p.Body) > MaxBody:
		return fmt.Errorf("a body of %d bytes; it may have %d", len(p.Body), MaxBody)
	case p.Header < -1 || p.Header > int64(len(p.Body)):
		return fmt.Errorf("header is %d, and the body has %d bytes", p.Header, len(p.Body))
	}
	return nil
}

// digest is over everything, each part told from the next.
func (p *Payload) digest() (sum [keyLength / 2]byte) {
	h := sha256.New()
	var head [3*MaxType + 64]byte
	line := append(head[:0], p.Protocol...)
	line = append(append(line, 0), p.Type...)
	line = append(append(line, 0), p.Encoding...)
	line = strconv.AppendInt(append(line, 0), p.Header, 10)
	h.Write(append(line, 0)) // a hash never fails
	h.Write(p.Body)
	copy(sum[:], h.Sum(head[:0]))
	return sum
}

// PayloadWriter writes payloads, each once. It buffers: Flush when done. It is not safe for
// concurrent use.
type PayloadWriter struct {
	lines
	line  []byte
	known map[[keyLength / 2]byte]string
}

// NewPayloadWriter writes the header.
func NewPayloadWriter(w io.Writer) (*PayloadWriter, error) {
	t := &PayloadWriter{lines: newLines(w, "payloads"), known: map[[keyLength / 2]byte]string{}}
	return t, t.put([]byte(`{"sluice_payloads":` + strconv.Itoa(payloadsVersion) + "}\n"))
}

// Write appends a payload unless it is there already, and returns its key. It refuses one that
// a reader would refuse, and then the file is as it was before.
func (t *PayloadWriter) Write(p *Payload) (key string, err error) {
	if err := p.Check(); err != nil {
		return "", fmt.Errorf("cannot record a payload: %w", err)
	}
	sum := p.digest()
	if key = t.known[sum]; key != "" {
		return key, nil
	}
	key = hex.EncodeToString(sum[:])
	line := append(t.line[:0], `{"key":"`...)
	line = strconv.AppendInt(append(append(line, key...), `","bytes":`...), int64(len(p.Body)), 10)
	line = jsonscan.AppendString(append(line, `,"protocol":`...), p.Protocol)
	if p.Type != "" {
		line = jsonscan.AppendString(append(line, `,"type":`...), p.Type)
	}
	if p.Encoding != "" {
		line = jsonscan.AppendString(append(line, `,"encoding":`...), p.Encoding)
	}
	if p.Header >= 0 {
		line = strconv.AppendInt(append(line, `,"header":`...), p.Header, 10)
	}
	t.line = append(line, "}\n"...)
	for _, part := range [][]byte{t.line, p.Body, {'\n'}} {
		if err := t.put(part); err != nil {
			return "", err
		}
	}
	if len(t.known) < maxKnown {
		t.known[sum] = key
	}
	return key, nil
}
