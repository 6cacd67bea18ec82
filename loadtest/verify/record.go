package verify

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"sluice/internal/agree"
	"sluice/internal/http1"
	"sluice/internal/oip"
	"sluice/internal/oip/client"
	"sluice/loadtest/engine"
	"sluice/loadtest/payload"
)

// UnstableError is a target that answers the same request differently when it is asked
// twice: nothing can be known of its answers.
type UnstableError struct{ Text string }

// Error returns the sentence.
func (e *UnstableError) Error() string { return e.Text }

// Options say how answers are compared. The zero value compares each one within the default
// tolerances.
type Options struct {
	// Tolerance replaces those of all float types; nil means the defaults by type.
	Tolerance *agree.Tolerance
	// Classifier says that float outputs must have their maximum at the same place too, along
	// the last axis.
	Classifier bool
	// Fraction is the part of the answers that is compared, above 0 and up to 1; 0 means 1.
	Fraction float64
	// Progress is called while answers are recorded, with the variants that are done; nil
	// calls nothing.
	Progress func(done, of int)
}

func (o *Options) judge() judge { return judge{o.Tolerance, o.Classifier} }

// patient is how often, and with which pause, a refusal is taken for an answer to come.
const (
	patientTries = 10
	patientPause = 100 * time.Millisecond
)

// Record learns the answers to all variants of a set: it asks for each one alone, twice, and
// both answers must agree. The error is an *UnstableError if they do not, a
// *payload.UsageError if the target refuses a request as wrong, and a
// *payload.NotReadyError if it does not answer.
func Record(ctx context.Context, s *payload.Set, o Options) (*Expected, error) {
	r := recorder{set: s, judge: o.judge(), x: exchange{addr: s.Target.Addr}}
	defer r.x.close()
	e := &Expected{Source: "learned", Rows: make([]payload.Row, len(s.Payloads)), proven: make([]body, len(s.Payloads)), Echo: true}
	for v := range s.Payloads {
		if err := r.variant(ctx, e, v); err != nil {
			return nil, err
		}
		if o.Progress != nil {
			o.Progress(v+1, len(s.Payloads))
		}
	}
	return e, nil
}

type recorder struct {
	set   *payload.Set
	judge judge
	x     exchange
}

// variant asks for one variant twice and enters what is known of it then.
func (r *recorder) variant(ctx context.Context, e *Expected, v int) error {
	one, id, err := r.ask(ctx, v)
	if err != nil {
		return err
	}
	two, id2, err := r.ask(ctx, v)
	if err != nil {
		return err
	}
	known := newBody(one, id, r.set.Payloads[v].ID >= 0)
	row := payload.Row{Identity: known.identity}
	if byTensors(r.set.Protocol) {
		first, err := r.tensors(&one, &two, v)
		if err != nil {
			return err
		}
		row.Identity, row.Outputs = -1, first.Outputs
		e.Echo = e.Echo && string(first.ID) == fmt.Sprintf("%016x", id)
		e.Model, e.Version = string(first.Model), string(first.Version)
		known.version = []byte(e.Version)
	} else {
		other := newBody(two, id2, r.set.Payloads[v].ID >= 0)
		at := r.judge.parted(&known, other.text, r.set.Protocol)
		if at < 0 && known.identity != other.identity {
			at = len(known.text)
		}
		if at >= 0 {
			return unstable(v, "byte %d of the body is %q, and was %q before", at, around(other.text, at), around(known.text, at))
		}
		row.Body = known.text
		e.Echo = e.Echo && known.identity >= 0
	}
	if tag := http1.Field(one.head, tagHeader); tag != nil {
		e.Model, e.Version, e.Digest = parseTag(string(tag))
	}
	e.Rows[v], e.proven[v] = row, known
	return nil
}

// tensors reads both answers, holds them against each other and returns the first.
func (r *recorder) tensors(one, two *reply, v int) (first client.Response, err error) {
	var second client.Response
	if err = readBody(one.head, one.body, &first); err == nil {
		err = readBody(two.head, two.body, &second)
	}
	if err != nil {
		return first, &payload.NotReadyError{Text: fmt.Sprintf("variant %d", v), Cause: err}
	}
	if d := r.judge.compare(first.Outputs, second.Outputs); d.Kind != agree.None {
		return first, unstable(v, "%s", d.String())
	}
	return first, nil
}

func unstable(v int, format string, args ...any) error {
	return &UnstableError{fmt.Sprintf("variant %d was asked twice, alone, and the answers do not agree: ", v) + fmt.Sprintf(format, args...) +
		": its answers cannot be known, so either allow more with a tolerance or do without verification"}
}

// ask sends one variant until it is answered with a 200.
func (r *recorder) ask(ctx context.Context, v int) (reply, uint64, error) {
	for try := 1; ; try++ {
		answer, id, err := r.x.send(ctx, &r.set.Payloads[v])
		if err != nil {
			return answer, id, err
		}
		text := fmt.Sprintf("variant %d, asked alone, is answered with status %d: %s", v, answer.status, client.ErrorText(answer.body))
		switch busy := answer.status == http.StatusTooManyRequests || answer.status == http.StatusServiceUnavailable || answer.status == http.StatusGatewayTimeout; {
		case answer.status == http.StatusOK:
			return answer, id, nil
		case busy && try < patientTries:
			select {
			case <-ctx.Done():
				return answer, id, ctx.Err()
			case <-time.After(patientPause):
			}
		case busy || answer.status/100 == 5:
			return answer, id, &payload.NotReadyError{Text: text}
		default:
			return answer, id, &payload.UsageError{Text: text}
		}
	}
}

// readBody parses an answer of the Open Inference Protocol.
func readBody(head, body []byte, into *client.Response) error {
	n, err := oip.ParseHeaderLength(http1.Field(head, "inference-header-content-length"), len(body))
	if err != nil {
		return err
	}
	return client.ReadResponse(body, n, into)
}

// mime is a content type without its parameters.
func mime(value []byte) []byte {
	value, _, _ = bytes.Cut(value, []byte{';'})
	return bytes.TrimSpace(value)
}

// parseIdentity reads the lower-case hexadecimal digits of a request's identity.
func parseIdentity(b []byte) (id uint64, ok bool) {
	for _, c := range b {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		default:
			return 0, false
		}
		id = id<<4 | uint64(c)
	}
	return id, true
}

// parseTag reads the value of the Sluice-Model header: name;version=V;digest=D.
func parseTag(tag string) (model, version, digest string) {
	parts := strings.Split(tag, ";")
	for _, part := range parts[1:] {
		if v, ok := strings.CutPrefix(part, "version="); ok {
			version = v
		} else if v, ok := strings.CutPrefix(part, "digest="); ok {
			digest = v
		}
	}
	return parts[0], version, digest
}

// around is a piece of text at a place, to be quoted.
func around(text []byte, at int) []byte {
	return text[min(at, len(text)):min(at+20, len(text))]
}

// body is an answer that is known to be right, as bytes.
type body struct {
	text []byte
	// identity is where the request's own identity stands in it; -1 if it is not there.
	identity int
	// typed is the line of the head that says its content type; empty if there is none.
	typed []byte
	// version is the model's, as the body names it.
	version []byte
}

// newBody keeps an answer. identified says that the request bore an identity.
func newBody(r reply, id uint64, identified bool) body {
	b := body{text: r.body, identity: -1, typed: bytes.Clone(http1.FieldLine(r.head, "content-type"))}
	if identified {
		digits := engine.Digits(id)
		b.identity = bytes.Index(r.body, digits[:])
	}
	return b
}

// same compares another answer with it, the place of the identity left out.
func (b *body) same(text []byte) bool {
	if len(text) != len(b.text) {
		return false
	}
	if b.identity < 0 {
		return bytes.Equal(text, b.text)
	}
	end := b.identity + payload.IdentityLength
	return bytes.Equal(text[:b.identity], b.text[:b.identity]) && bytes.Equal(text[end:], b.text[end:])
}
