package wire

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"testing"

	"sluice/internal/fault"
)

// Every kind has its status written down here once more, so that a new kind is a
// decision and not an accident.
func TestStatusOfEveryFault(t *testing.T) {
	others := map[fault.Kind]int{
		fault.BodyTooLarge: 413, fault.TooManyChunks: 413, fault.DecompressedTooLarge: 413, fault.AnswerTooLarge: 413,
		fault.TransferEncodingUnsupported: 501, fault.MethodNotImplemented: 501, fault.UnsupportedEncoding: 501, fault.Unsupported: 501,
		fault.HeadersTooLarge: 431, fault.URITooLong: 414, fault.HTTPVersionUnsupported: 505,
		fault.MethodNotAllowed: 405, fault.RequestTimeout: 408, fault.BodyTimeout: 408, fault.ClientClosed: 499, fault.ExpectationFailed: 417,
		fault.NotFound: 404, fault.ModelNotFound: 404, fault.VersionNotFound: 404,
		fault.Unauthenticated: 401, fault.Forbidden: 403, fault.Conflict: 409,
		fault.NonFiniteInput: 422, fault.ModelRejectedInput: 422, fault.FeatureMissing: 422,
		fault.NonFiniteOutput: 500, fault.InferenceFailed: 500, fault.Internal: 500,
		fault.ModelNotReady: 503, fault.FeatureUnavailable: 503, fault.NoCapacity: 503, fault.Draining: 503,
		fault.DeadlineExceeded: 504, fault.Overloaded: 429, fault.BudgetTooShort: 504,
	}
	bad := map[fault.Kind]bool{}
	for _, k := range []fault.Kind{
		fault.AmbiguousFraming, fault.BadContentLength, fault.BadChunk, fault.BadHost, fault.BadHeader, fault.BadRequestLine, fault.EmptyBody,
		fault.BadCompression, fault.BadModelName, fault.ModelLoadFailed, fault.InvalidJSON, fault.JSONTooDeep, fault.DuplicateField, fault.InvalidUTF8,
		fault.InvalidRequest, fault.InvalidValue, fault.InvalidInputs, fault.MissingInput, fault.UnknownInput, fault.DuplicateInput,
		fault.UnknownOutput, fault.DuplicateOutput, fault.TooManyOutputs, fault.WrongDatatype, fault.WrongShape, fault.InvalidShape,
		fault.ShapeTooLarge, fault.DataLengthMismatch, fault.BatchTooLarge, fault.BatchMismatch, fault.ValueOutOfRange, fault.InvalidBytes,
		fault.BadBinaryHeader, fault.BinarySizeMismatch, fault.InvalidParameter, fault.InvalidTimeout,
	} {
		bad[k] = true
	}
	for _, k := range fault.Kinds() {
		want, other := others[k]
		if other == bad[k] {
			t.Errorf("%s must be in exactly one of this test's tables", k.Code())
			continue
		}
		if bad[k] {
			want = 400
		}
		if got := Status(k); got != want {
			t.Errorf("%s is %d, want %d", k.Code(), got, want)
		}
	}
}

// Names that are set without normalising must be in fasthttp's form already.
func TestHeaderNamesAreCanonical(t *testing.T) {
	for _, name := range [][]byte{headerAcceptEncoding, headerRetryAfter, headerRetryAfterMs} {
		if want := http.CanonicalHeaderKey(string(name)); string(name) != want {
			t.Errorf("%s should be %s", name, want)
		}
	}
}

// The answer that bypasses fasthttp parses, also with odd text.
func TestRawFault(t *testing.T) {
	raw, sent := AppendFault(nil, fault.New(fault.NoCapacity, "quote \" and \x01"), &Refused{ID: []byte("a-1")})
	a, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(raw)), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	body, err := io.ReadAll(a.Body)
	if err != nil || sent != len(body) {
		t.Errorf("it says that %d bytes are sent, and they are %d: %v", sent, len(body), err)
	}
	if raw, sent := AppendFault(nil, fault.New(fault.NoCapacity, "no"), &Refused{Bodiless: true}); sent != 0 || !bytes.HasSuffix(raw, []byte("\r\n\r\n")) {
		t.Errorf("to HEAD %d bytes are sent: %q", sent, raw)
	}
	if a.StatusCode != 503 || string(body) != `{"error":"quote \" and \u0001","code":"NO_CAPACITY"}` || !a.Close || a.Header.Get("Retry-After") != "1" || a.Header.Get("X-Request-Id") != "a-1" {
		t.Fatalf("got %d %v %s", a.StatusCode, a.Header, body)
	}
}
