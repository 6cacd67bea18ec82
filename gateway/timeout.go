package gateway

import (
	"io"
	"math"
	"time"

	"sluice/internal/fault"
	"sluice/internal/memory"
	"sluice/internal/oip"
)

// The protocol's timeout parameter is in the body, and admission comes before the body is
// decoded, so that a refusal costs little. The order is kept: a model that has lately refused
// requests is asked with the timeout that is found in the head of the body. Where the head does
// not tell and the word is somewhere in the body, admission waits for the decoder.

// admit asks the model whether there is any point in decoding the request.
func (g *Gateway) admit(x *Exchange) Step {
	if !x.Model.Refusing() {
		return GoesOn
	}
	if !x.budgeted && x.Format == V2 {
		asked, known, err := g.lookForTimeout(x)
		if err != nil {
			return x.fails(err)
		}
		if !known {
			return GoesOn
		}
		if f := x.timeout(asked, x.Model.Info().Budget, g.opt.Limits.MaxBudget); f != nil {
			return x.fails(f)
		}
	}
	if err := x.Model.Admit(x.Arrived, x.Task.Deadline); err != nil {
		return x.fails(err)
	}
	return GoesOn
}

// timeout gives the request the budget that its timeout parameter asks for; 0 asks for none. It
// can be longer than the model's own, up to the longest that is allowed. One that is named
// beside a budget in the head only shortens that.
func (x *Exchange) timeout(asked, modelBudget, longest time.Duration) *fault.Error {
	t := x.Task
	switch {
	case asked <= 0:
	case x.budgeted:
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
func (g *Gateway) lookForTimeout(x *Exchange) (asked time.Duration, known bool, err error) {
	n, err := oip.ParseHeaderLength(x.Head.HeaderLength, math.MaxInt32)
	if err != nil || n == 0 {
		return 0, true, nil // it is not read, or it has no JSON
	}
	json := func(body []byte) []byte {
		if n > 0 {
			return body[:min(n, len(body))]
		}
		return body
	}
	coded, f := ParseCoding(x.Head.ContentEncoding)
	if f != nil {
		return 0, false, f
	}
	body := x.Body
	if coded != Identity {
		inflateHead(&x.inflated, body, coded)
		if asked, known = oip.PeekTimeout(json(x.inflated.Bytes)); known {
			return asked, known, nil
		}
		if body, err = g.plainBody(x); err != nil {
			return 0, false, err
		}
		x.plain = body
	}
	if asked, known = oip.PeekTimeout(json(body)); known {
		return asked, known, nil
	}
	return 0, !oip.MayHaveTimeout(json(body)), nil
}

// headBytes is how much of a compressed body is looked at first.
const headBytes = 4 << 10

// inflateHead puts the beginning of a compressed body into dst, as far as it can be read.
func inflateHead(dst *memory.Buffer, body []byte, is Coding) {
	in := inflaters.Get().(*inflater)
	defer inflaters.Put(in)
	in.src.Reset(body)
	defer in.src.Reset(nil)
	dst.Bytes = dst.Bytes[:0]
	if in.open(is) != nil || !dst.Grow(nil, headBytes) {
		return
	}
	n, _ := io.ReadFull(in.from, dst.Bytes[:headBytes])
	dst.Extend(n)
}
