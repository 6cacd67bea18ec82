package gateway

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"sluice/internal/fault"
	"sluice/internal/memory"
	"sluice/internal/near"
	"sluice/internal/oip/target"
)

// Gateway is the way that predictions take, whatever front end they come through.
type Gateway struct {
	opt Options

	// What the requests of all front ends hold together, at each of their stages.
	Bodies  *memory.Budget // being read, on the wire and without their coding
	Inputs  *memory.Budget // decoded, until the answer has been written
	Answers *memory.Budget // outputs and answers, until they have been written

	turns    chan struct{} // a place for each large body that is decoded at once
	failures Throttle
	causes   causes
	// abandoned are fills that have not reported and whose exchanges have been answered.
	abandoned atomic.Int64
}

// Options are what a Gateway needs. Zero means the default said in each comment.
type Options struct {
	// Models is required.
	Models Models
	// MaxAbandoned is how many fills may go on for requests that have been answered without them. Beyond it
	// requests are refused until some have reported; default 1024.
	MaxAbandoned int
	// Ended hear of every exchange that found a model; default nobody.
	Ended []Listener
	// KeepBody says that the exchange's body is wanted until its end. It is asked once it has been decoded or
	// refused. Default: it is not.
	KeepBody func(*Exchange) bool
	// Log takes the causes of failures and panics; default none.
	Log    *zap.Logger
	Limits Limits
	// CompressFrom is the smallest answer that is compressed when the client allows it;
	// default 1024 bytes: below that a packet is not saved and time is lost. Clients on
	// aiohttp allow it unless told otherwise.
	CompressFrom int
}

// Limits bound what one request may ask for, and all together. Zero means the default.
type Limits struct {
	// MaxInflatedBytes is the largest body after decompression; default 64 MiB.
	MaxInflatedBytes int64
	// MaxBodiesBytes bounds the bodies above 4 KiB of all connections together, as they come and as
	// they are decompressed; default 1 GiB.
	MaxBodiesBytes int64
	// MaxInputsBytes bounds the decoded inputs above 4 KiB of all requests together; default 1 GiB.
	MaxInputsBytes int64
	// MaxAnswersBytes bounds the outputs and answers above 4 KiB of all requests together, until
	// they are written; default 2 GiB.
	MaxAnswersBytes int64
	// MaxAnswerBytes is the largest answer before it is compressed; default 1 GiB.
	MaxAnswerBytes int64
	// MaxBudget is the longest budget that a request may ask for; default 10 min.
	MaxBudget time.Duration
	// Decode bounds tensors and JSON.
	Decode target.Limits
}

func (l *Limits) setDefaults() {
	l.MaxInflatedBytes = cmp.Or(l.MaxInflatedBytes, 64<<20)
	l.MaxBodiesBytes = cmp.Or(l.MaxBodiesBytes, 1<<30)
	l.MaxInputsBytes = cmp.Or(l.MaxInputsBytes, 1<<30)
	l.MaxAnswersBytes = cmp.Or(l.MaxAnswersBytes, 2<<30)
	l.MaxAnswerBytes = cmp.Or(l.MaxAnswerBytes, 1<<30)
	l.MaxBudget = cmp.Or(l.MaxBudget, 10*time.Minute)
}

// New makes a way for exchanges.
func New(o Options) (*Gateway, error) {
	if o.Models == nil {
		return nil, errors.New("cannot make the gateway without Models")
	}
	if o.KeepBody == nil {
		o.KeepBody = func(*Exchange) bool { return false }
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	o.MaxAbandoned = cmp.Or(o.MaxAbandoned, 1024)
	o.CompressFrom = cmp.Or(o.CompressFrom, 1024)
	l := &o.Limits
	l.setDefaults()
	var faults []error
	for _, limit := range []struct {
		name  string
		value int64
		max   int64
	}{
		{"MaxInflatedBytes", l.MaxInflatedBytes, math.MaxInt32},
		{"MaxBodiesBytes", l.MaxBodiesBytes, math.MaxInt64},
		{"MaxInputsBytes", l.MaxInputsBytes, math.MaxInt64},
		{"MaxAnswersBytes", l.MaxAnswersBytes, math.MaxInt64},
		{"MaxAnswerBytes", l.MaxAnswerBytes, math.MaxInt32},
	} {
		if limit.value < 1 || limit.value > limit.max {
			faults = append(faults, fmt.Errorf("%s is %d; it must be from 1 to %d", limit.name, limit.value, limit.max))
		}
	}
	if err := errors.Join(faults...); err != nil {
		return nil, fmt.Errorf("cannot make the gateway: %w", err)
	}
	g := &Gateway{opt: o, turns: newTurns(), Bodies: memory.NewBudget(l.MaxBodiesBytes), Inputs: memory.NewBudget(l.MaxInputsBytes), Answers: memory.NewBudget(l.MaxAnswersBytes)}
	g.opt.Limits.Decode.Inputs = g.Inputs
	return g, nil
}

// Models is what the gateway serves.
func (g *Gateway) Models() Models { return g.opt.Models }

// NoRoomForBodies is the fault of a body that the others leave no memory for.
func (g *Gateway) NoRoomForBodies() *fault.Error {
	return fault.Newf(fault.NoCapacity, "the bodies being read would together take more than %d bytes (limits.max_bodies_bytes); try again", g.Bodies.Limit())
}

// noRoomForAnswers is that of an answer.
func (g *Gateway) noRoomForAnswers() *fault.Error {
	return fault.Newf(fault.NoCapacity, "the answers being written would together take more than %d bytes (limits.max_answers_bytes); try again", g.Answers.Limit())
}

// Acquire pins a model version until its Release; version nil is the live one.
func (g *Gateway) Acquire(name, version []byte) (Model, error) {
	if version != nil && !isVersion(version) {
		return nil, g.noSuchVersion(view(name))
	}
	return g.opt.Models.Acquire(view(name), view(version))
}

// noSuchVersion is the fault of a version that can be none.
func (g *Gateway) noSuchVersion(name string) error {
	m, err := g.opt.Models.Acquire(name, "")
	if err != nil {
		return err
	}
	defer m.Release()
	return fault.Newf(fault.VersionNotFound, "Request for unknown model: '%s' has no such version; its versions: %s", name, near.List("", m.Info().Versions()))
}

// isVersion reports whether b can be a version. Something that cannot be one is a version that is not there.
func isVersion(b []byte) bool {
	for _, c := range b {
		if !NameByte(c) {
			return false
		}
	}
	return len(b) > 0 && len(b) <= MaxName
}

// MaxName is how long the name of a model or a version may be.
const MaxName = 64

// NameByte reports whether a byte can be in the name of a model or a version.
func NameByte(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' || b == '_' || b == '.' || b == '-'
}
