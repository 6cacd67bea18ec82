package httpfront

import (
	"sluice/internal/fault"
	"sluice/internal/http1"
)

// scanHead frames the request whose first bytes are p. fasthttp frames whatever it lets through in the same way.
func scanHead(p []byte, lim *Limits) (http1.Request, *fault.Error) {
	limits := lim.head()
	h, why := http1.ScanRequest(p, &limits)
	if why != http1.None {
		return http1.Request{}, framingFault(why, lim)
	}
	return h, nil
}

// head are the limits that a request's head has to keep.
func (l *Limits) head() http1.Limits {
	return http1.Limits{Target: l.MaxURIBytes, Head: l.MaxHeaderBytes, Fields: l.MaxHeaders, Body: l.MaxBodyBytes}
}

// framingFault is what a client is told of a request that cannot be framed.
func framingFault(why http1.Fault, lim *Limits) *fault.Error {
	switch why {
	case http1.TargetTooLong:
		return fault.Newf(fault.URITooLong, "the request target is longer than %d bytes (limits.max_uri_bytes)", lim.MaxURIBytes)
	case http1.HeadTooLarge:
		return fault.Newf(fault.HeadersTooLarge, "the header is larger than %d bytes (limits.max_header_bytes)", lim.MaxHeaderBytes)
	case http1.ManyFields:
		return fault.Newf(fault.HeadersTooLarge, "more than %d headers (limits.max_headers)", lim.MaxHeaders)
	case http1.BodyTooLarge:
		return bodyTooLarge(lim.MaxBodyBytes)
	case http1.ManyChunks:
		return fault.Newf(fault.TooManyChunks, "the body comes in more than %d chunks of less than %d bytes", http1.FreeChunks, http1.ChunkMean)
	}
	f := framingTexts[why]
	return fault.New(f.kind, f.text)
}

func bodyTooLarge(most int64) *fault.Error {
	return fault.Newf(fault.BodyTooLarge, "the body is larger than %d bytes (limits.max_body_bytes)", most)
}

// framingTexts are those without a limit.
var framingTexts = [...]struct {
	kind fault.Kind
	text string
}{
	http1.BadRequestLine: {fault.BadRequestLine, "the request does not start with an HTTP/1.1 request line"},
	http1.BadVersion:     {fault.HTTPVersionUnsupported, "only HTTP/1.1 and HTTP/1.0 are spoken here"},
	http1.BadLineEnd:     {fault.BadHeader, "a header line does not end with CR LF"},
	http1.FoldedField:    {fault.BadHeader, "a header is folded over several lines"},
	http1.BadField:       {fault.BadHeader, "a header line is not of the form name: value"},
	http1.BadHost:        {fault.BadHost, "a request needs exactly one Host header"},
	http1.BadExpectation: {fault.ExpectationFailed, "only the expectation 100-continue can be met"},
	http1.BadLength:      {fault.BadContentLength, "Content-Length must be there once, with at most 18 digits"},
	http1.LengthNoNumber: {fault.BadContentLength, "Content-Length must be a plain number"},
	http1.OldCoding:      {fault.AmbiguousFraming, "Transfer-Encoding needs HTTP/1.1"},
	http1.TwoCodings:     {fault.AmbiguousFraming, "Transfer-Encoding is there twice"},
	http1.UnknownCoding:  {fault.TransferEncodingUnsupported, "the only Transfer-Encoding understood is chunked"},
	http1.TwoFramings:    {fault.AmbiguousFraming, "a request has either Content-Length or Transfer-Encoding"},
	http1.BadChunk:       {fault.BadChunk, "the chunked body is malformed"},
	http1.LongChunk:      {fault.BadChunk, "a chunk's size has too many digits"},
	http1.BadExtension:   {fault.BadChunk, "a chunk has a malformed or too long extension"},
	http1.Trailer:        {fault.BadChunk, "trailers after a chunked body are not accepted"},
}
