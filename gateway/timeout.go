package gateway

import (
	"io"
	"math"
	"time"

	"sluice/internal/fault"
	"sluice/internal/oip"
)

// The protocol's timeout parameter is in the body, and admission comes before the body is
// decoded, so that a refusal costs little. The order is kept: a model that has lately refused
// requests is asked with the timeout that is found in the head of the body. Where the head does
// not tell and the word is somewhere in the body, admission waits for the decoder.

// admitEarly asks the model whether there is any point in decoding the request.
func (s *Server) admitEarly(c *call) error {
	if !c.model.Refusing() {
		return nil
	}
	if !c.budgeted && c.wire == format(formatV2{}) {
		asked, known, err := s.lookForTimeout(c)
		if err != nil {
			return err
		}
		if !known {
			return nil
		}
		if f := c.timeout(asked, c.model.Info().Budget, s.opt.Limits.MaxBudget); f != nil {
			return f
		}
	}
	return c.model.Admit(c.arrived, c.task.Deadline)
}

// timeout gives the request the budget that its timeout parameter asks for; 0 asks for none. It
// can be longer than the model's own, up to the longest that is allowed. One that is named
// beside a budget in the header only shortens that.
func (c *call) timeout(asked, modelBudget, longest time.Duration) *fault.Error {
	t := c.task
	switch {
	case asked <= 0:
	case c.budgeted:
		t.Deadline = min(t.Deadline, t.Arrived.Add(asked))
	case asked > max(longest, modelBudget):
		return fault.Newf(fault.InvalidTimeout, "parameter 'timeout' is %d microseconds; it must be at most %d (limits.max_budget)", asked.Microseconds(), max(longest, modelBudget).Microseconds())
	default:
		t.Deadline = t.Arrived.Add(asked)
	}
	return nil
}

// lookForTimeout finds the timeout of a request that has not been decoded; 0 if it has none. It
// is not known if only the decoder can tell. Of a compressed body the head is decompressed,
// and all of it, once, if that is not enough.
func (s *Server) lookForTimeout(c *call) (asked time.Duration, known bool, err error) {
	n, err := oip.ParseHeaderLength(c.ctx.Request.Header.PeekCanonical(headerBinaryLength), math.MaxInt32)
	if err != nil || n == 0 {
		return 0, true, nil // it is not read, or it has no JSON
	}
	json := func(body []byte) []byte {
		if n > 0 {
			return body[:min(n, len(body))]
		}
		return body
	}
	coded, err := contentCoding(&c.ctx.Request.Header)
	if err != nil {
		return 0, false, err
	}
	body := c.ctx.Request.Body()
	if coded != identity {
		inflateHead(&c.inflated, body, coded)
		if asked, known = oip.PeekTimeout(json(c.inflated.bytes)); known {
			return asked, known, nil
		}
		if body, err = s.body(c); err != nil {
			return 0, false, err
		}
		c.plain = body
	}
	if asked, known = oip.PeekTimeout(json(body)); known {
		return asked, known, nil
	}
	return 0, !oip.MayHaveTimeout(json(body)), nil
}

// headBytes is how much of a compressed body is looked at first.
const headBytes = 4 << 10

// inflateHead puts the beginning of a compressed body into dst, as far as it can be read.
func inflateHead(dst *buffer, body []byte, is coding) {
	in := inflaters.Get().(*inflater)
	defer inflaters.Put(in)
	in.src.Reset(body)
	defer in.src.Reset(nil)
	dst.bytes = dst.bytes[:0]
	if in.open(is) != nil || !dst.grow(nil, headBytes) {
		return
	}
	n, _ := io.ReadFull(in.from, dst.bytes[:headBytes])
	dst.extend(n)
}
