// Package wire has what the predict port and the admin port read and say in the same way: the name of a model in
// a path, the id of a request, and a fault with its status and with the time after which to ask again. It owns no
// connection and has no state; gateway/http and gateway/http/admin call it.
package wire

import (
	"strconv"

	"github.com/valyala/fasthttp"

	"sluice/internal/fault"
	"sluice/internal/oip"
)

// StatusClientClosed is what the log and the metrics call a client that left; nobody
// receives it.
const StatusClientClosed = 499

// Status maps a kind of fault to its HTTP status. Kinds that are the client's input
// are 400 and need no line.
func Status(k fault.Kind) int {
	switch k {
	case fault.Unauthenticated:
		return fasthttp.StatusUnauthorized
	case fault.Forbidden:
		return fasthttp.StatusForbidden
	case fault.NotFound, fault.ModelNotFound, fault.VersionNotFound:
		return fasthttp.StatusNotFound
	case fault.Conflict:
		return fasthttp.StatusConflict
	case fault.MethodNotAllowed:
		return fasthttp.StatusMethodNotAllowed
	case fault.RequestTimeout, fault.BodyTimeout:
		return fasthttp.StatusRequestTimeout
	case fault.BodyTooLarge, fault.TooManyChunks, fault.DecompressedTooLarge, fault.AnswerTooLarge:
		return fasthttp.StatusRequestEntityTooLarge
	case fault.URITooLong:
		return fasthttp.StatusRequestURITooLong
	case fault.ExpectationFailed:
		return fasthttp.StatusExpectationFailed
	case fault.NonFiniteInput, fault.ModelRejectedInput, fault.FeatureMissing:
		return fasthttp.StatusUnprocessableEntity
	case fault.Overloaded:
		return fasthttp.StatusTooManyRequests
	case fault.HeadersTooLarge:
		return fasthttp.StatusRequestHeaderFieldsTooLarge
	case fault.ClientClosed:
		return StatusClientClosed
	case fault.NonFiniteOutput, fault.InferenceFailed, fault.Internal:
		return fasthttp.StatusInternalServerError
	case fault.TransferEncodingUnsupported, fault.MethodNotImplemented, fault.UnsupportedEncoding, fault.Unsupported:
		return fasthttp.StatusNotImplemented
	case fault.ModelNotReady, fault.FeatureUnavailable, fault.NoCapacity, fault.Draining:
		return fasthttp.StatusServiceUnavailable
	case fault.DeadlineExceeded, fault.BudgetTooShort:
		return fasthttp.StatusGatewayTimeout
	case fault.HTTPVersionUnsupported:
		return fasthttp.StatusHTTPVersionNotSupported
	}
	return fasthttp.StatusBadRequest
}

// Names are in the form that fasthttp gives them, so that setting one copies nothing
// twice; a test holds that.
var (
	headerAcceptEncoding = []byte("Accept-Encoding")
	headerRetryAfter     = []byte("Retry-After")
	headerRetryAfterMs   = []byte("Sluice-Retry-After-Ms")

	codingsAccepted = []byte("gzip, deflate")
)

// TypeJSON is the type of every refusal, and of all other answers but binary ones.
var TypeJSON = []byte("application/json")

// WriteFault makes f the answer.
func WriteFault(resp *fasthttp.Response, f *fault.Error) {
	resp.ResetBody()
	resp.Header.SetStatusCode(Status(f.Kind))
	resp.Header.SetContentTypeBytes(TypeJSON)
	again := comeBack(f)
	resp.SwapBody(oip.AppendError(resp.SwapBody(nil)[:0], f.Text, f.Kind.Code(), again))
	sayRetry(&resp.Header, f, again)
	if f.Kind == fault.UnsupportedEncoding {
		resp.Header.SetCanonical(headerAcceptEncoding, codingsAccepted)
	}
}

// Refused is the request of an answer that bypasses fasthttp.
type Refused struct {
	ID       []byte // its id
	Allow    string // the methods that its path has, "" if they are not the point
	Bodiless bool   // it is a HEAD
}

// AppendFault appends a whole answer for a request that could not be framed, or is refused
// before its body. The connection ends with it. sent is how many bytes its own body has.
func AppendFault(dst []byte, f *fault.Error, to *Refused) (out []byte, sent int) {
	code := Status(f.Kind)
	again := comeBack(f)
	body := oip.AppendError(nil, f.Text, f.Kind.Code(), again)
	dst = strconv.AppendInt(append(dst, "HTTP/1.1 "...), int64(code), 10)
	dst = append(append(dst, ' '), fasthttp.StatusMessage(code)...)
	dst = append(dst, "\r\nContent-Type: application/json\r\nConnection: close\r\n"...)
	dst = appendRetry(dst, f, again)
	if f.Kind == fault.UnsupportedEncoding {
		dst = append(append(append(dst, "Accept-Encoding: "...), codingsAccepted...), "\r\n"...)
	}
	if to.Allow != "" {
		dst = append(append(append(dst, "Allow: "...), to.Allow...), "\r\n"...)
	}
	dst = append(append(append(dst, "X-Request-Id: "...), to.ID...), "\r\n"...)
	dst = strconv.AppendInt(append(dst, "Content-Length: "...), int64(len(body)), 10)
	dst = append(dst, "\r\n\r\n"...)
	if to.Bodiless {
		return dst, 0
	}
	return append(dst, body...), len(body)
}

// Allow is what the Allow header lists for a route's method: HEAD is wherever GET is.
func Allow(method string) string {
	if method == "GET" {
		return "GET, HEAD"
	}
	return method
}
