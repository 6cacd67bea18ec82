package gateway

import (
	"sluice/internal/fault"
	"sluice/internal/oip"
	"sluice/internal/oip/wire"
)

// Format is a wire format of predictions: V2 or V1.
type Format interface {
	// decode fills the task from the body, and its deadline and priority if the body tells them.
	decode(x *Exchange, body []byte) error
	// estimate is about how many bytes the answer will have, rather more than less.
	estimate(x *Exchange) int64
	// encode appends the answer; head is the length of its JSON part if tensors follow.
	encode(x *Exchange, dst []byte) (out []byte, head int, err error)
}

// The formats: the Open Inference Protocol, as JSON or with binary tensors, and the older one, rows of
// plain JSON.
var (
	V2 Format = formatV2{}
	V1 Format = formatV1{}
)

type formatV2 struct{}

func (formatV2) decode(x *Exchange, body []byte) error {
	length, err := oip.ParseHeaderLength(x.Head.HeaderLength, len(body))
	if err != nil {
		return err
	}
	if length < 0 && len(body) == 0 {
		return noBody()
	}
	info, limits := x.Model.Info(), &x.g.opt.Limits
	if err := x.request.Decode(info.Client, info.Name, body, length, &limits.Decode, x.Task); err != nil {
		return err
	}
	if f := x.timeout(x.request.Budget, info.Budget, limits.MaxBudget); f != nil {
		return f
	}
	x.Task.Priority = priority(x.request.Priority)
	return nil
}

func (formatV2) estimate(x *Exchange) int64 {
	x.request.Told = x.told() // estimate comes first
	return x.request.EstimateResponse(x.Model.Info().Name, x.Task)
}

func (formatV2) encode(x *Exchange, dst []byte) ([]byte, int, error) {
	info := x.Model.Info()
	x.request.Form = x.form
	return x.request.AppendResponse(dst, info.Schema, info.Name, info.Version, x.Task)
}

type formatV1 struct{}

func (formatV1) decode(x *Exchange, body []byte) error {
	if len(body) == 0 {
		return noBody()
	}
	info := x.Model.Info()
	return x.v1.Decode(info.Client, info.Name, body, &x.g.opt.Limits.Decode, x.Task)
}

// estimate has what is told of filled inputs set, if the request asks for that: who does not may read answers by a schema without it.
func (formatV1) estimate(x *Exchange) int64 {
	if x.Explain {
		x.v1.Told = x.told()
	}
	return x.v1.EstimateResponse(x.Model.Info().Schema, x.Task)
}

func (formatV1) encode(x *Exchange, dst []byte) ([]byte, int, error) {
	x.v1.Form = x.form
	out, err := x.v1.AppendResponse(dst, x.Model.Info().Schema, x.Task)
	return out, 0, err
}

// told is what the answer says of filled inputs.
func (x *Exchange) told() wire.Told {
	t := wire.Told{Degraded: x.Filling.Degraded() || x.Fall.Rung != "", Rung: x.Fall.Rung}
	if info := x.Model.Info(); x.Explain && info.Client.Fills && x.Schema() == info.Schema {
		t.Trail = &x.Trail
	}
	return t
}

func noBody() *fault.Error { return fault.New(fault.EmptyBody, "the request has no body") }
