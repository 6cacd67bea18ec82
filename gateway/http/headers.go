package httpfront

import (
	"strconv"

	"github.com/valyala/fasthttp"

	"sluice/gateway"
	"sluice/gateway/http/wire"
	"sluice/internal/fault"
)

// Names are in the form that fasthttp gives them, so that setting one copies nothing
// twice; a test holds that.
var (
	headerContentType     = []byte("Content-Type")
	headerContentEncoding = []byte("Content-Encoding")
	headerAcceptEncoding  = []byte("Accept-Encoding")
	headerBinaryLength    = []byte("Inference-Header-Content-Length")
	headerServerTiming    = []byte("Server-Timing")
	headerDevice          = []byte("Sluice-Device")
	headerBatch           = []byte("Sluice-Batch")
	headerModel           = []byte("Sluice-Model")
	headerBatching        = []byte("Sluice-Batching")
	headerFeatures        = []byte("Sluice-Features")
	headerRung            = []byte("Sluice-Rung")
	headerBudget          = []byte("Sluice-Budget-Ms")
	headerNonfinite       = []byte("Sluice-Nonfinite")
	headerExplain         = []byte("Sluice-Explain")
	headerUnit            = []byte("Sluice-Unit")
	headerRequestID       = []byte("X-Request-Id")

	typeBinary      = []byte("application/octet-stream")
	batchingCoupled = []byte("coupled")
)

// explain adds the headers that say what happened to a request: where its time went,
// which device ran it, in a batch of how many rows, which model it was, by which rung of a ladder, and whether
// the other rows of the batch may have changed the answer.
func (c *call) explain(h *fasthttp.ResponseHeader, x *gateway.Exchange) {
	info, o := x.Model.Info(), &x.Outcome
	tag := info.Tag()
	if x.Exposure.Share > 0 && x.Asked() == x.Model {
		c.scratch = x.Exposure.AppendTag(append(c.scratch[:0], tag...))
		tag = c.scratch
	}
	h.SetCanonical(headerModel, tag)
	if x.Fall.Rung != "" && o.Fault == fault.None {
		c.scratch = append(c.scratch[:0], x.Fall.Rung...)
		h.SetCanonical(headerRung, c.scratch)
	}
	if info.Coupled && o.Fault == fault.None {
		h.SetCanonical(headerBatching, batchingCoupled)
	}
	if info.Client.Fills && o.Fault == fault.None {
		c.scratch = appendFilling(c.scratch[:0], &x.Filling)
		h.SetCanonical(headerFeatures, c.scratch)
	}
	b := append(c.scratch[:0], "decode;dur="...)
	b = wire.AppendMillis(b, o.Decode)
	if o.Trace.RunEnd != 0 {
		if info.Client.Fills {
			b = wire.AppendMillis(append(b, ", fill;dur="...), o.Trace.Queued.Sub(x.Arrived)-o.Decode)
		}
		b = wire.AppendMillis(append(b, ", queue;dur="...), o.Trace.RunStart.Sub(o.Trace.Queued))
		b = wire.AppendMillis(append(b, ", run;dur="...), o.Trace.RunEnd.Sub(o.Trace.RunStart))
	}
	if o.Encode != 0 {
		b = wire.AppendMillis(append(b, ", encode;dur="...), o.Encode)
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

// appendFilling appends where the values of filled inputs come from.
func appendFilling(b []byte, f *gateway.Filled) []byte {
	for _, n := range [...]struct {
		name  string
		count int
	}{{"filled=", f.Stored}, {",cached=", f.Cached}, {",default=", f.Default}, {",stale=", f.Stale}, {",late=", f.Late}} {
		b = strconv.AppendInt(append(b, n.name...), int64(n.count), 10)
	}
	return b
}
