package httpfront

import (
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"sluice/gateway"
	"sluice/internal/fault"
)

// Names are in the form that fasthttp gives them, so that setting one copies nothing
// twice; a test holds that.
var (
	headerContentType     = []byte("Content-Type")
	headerContentEncoding = []byte("Content-Encoding")
	headerAcceptEncoding  = []byte("Accept-Encoding")
	headerRetryAfter      = []byte("Retry-After")
	headerRetryAfterMs    = []byte("Sluice-Retry-After-Ms")
	headerBinaryLength    = []byte("Inference-Header-Content-Length")
	headerServerTiming    = []byte("Server-Timing")
	headerDevice          = []byte("Sluice-Device")
	headerBatch           = []byte("Sluice-Batch")
	headerModel           = []byte("Sluice-Model")
	headerBatching        = []byte("Sluice-Batching")
	headerBudget          = []byte("Sluice-Budget-Ms")
	headerNonfinite       = []byte("Sluice-Nonfinite")
	headerRequestID       = []byte("X-Request-Id")

	requestIDHeader = string(headerRequestID) // for net/http

	codingsAccepted = []byte("gzip, deflate")

	typeJSON   = []byte("application/json")
	typeBinary = []byte("application/octet-stream")

	batchingCoupled = []byte("coupled")
)

// explain adds the headers that say what happened to a request: where its time went,
// which device ran it, in a batch of how many rows, which model it was, and whether the other
// rows of the batch may have changed the answer.
func (c *call) explain(h *fasthttp.ResponseHeader, x *gateway.Exchange) {
	info, o := x.Model.Info(), &x.Outcome
	h.SetCanonical(headerModel, info.Tag())
	if info.Coupled && o.Fault == fault.None {
		h.SetCanonical(headerBatching, batchingCoupled)
	}
	b := append(c.scratch[:0], "decode;dur="...)
	b = appendMillis(b, o.Decode)
	if o.Trace.RunEnd != 0 {
		b = appendMillis(append(b, ", queue;dur="...), o.Trace.RunStart.Sub(o.Trace.Queued))
		b = appendMillis(append(b, ", run;dur="...), o.Trace.RunEnd.Sub(o.Trace.RunStart))
	}
	if o.Encode != 0 {
		b = appendMillis(append(b, ", encode;dur="...), o.Encode)
	}
	h.SetCanonical(headerServerTiming, b)
	if o.Trace.Device != "" {
		b = append(b[:0], o.Trace.Device...)
		if o.Trace.Reason != "" {
			b = append(append(b, ";reason="...), o.Trace.Reason...)
		}
		h.SetCanonical(headerDevice, b)
		h.SetCanonical(headerBatch, strconv.AppendInt(b[:0], int64(o.Trace.Batch), 10))
	}
	c.scratch = b
}

// appendMillis appends d in milliseconds with three decimals.
func appendMillis(dst []byte, d time.Duration) []byte {
	us := max(0, d.Microseconds())
	dst = strconv.AppendInt(dst, us/1000, 10)
	us %= 1000
	return append(dst, '.', byte('0'+us/100), byte('0'+us/10%10), byte('0'+us%10))
}
