package gateway

import (
	"sync"
	"time"

	"go.uber.org/zap"

	"sluice/internal/clock"
	"sluice/internal/fault"
)

// causesPerSecond is how many failed predictions of one model and kind are logged in a second.
const causesPerSecond = 10

// maxCauses bounds the models and kinds that are counted. Names of models come from the
// repository and not from clients, so it is there for a repository that changes without end.
const maxCauses = 4096

const maxCauseText = 8 << 10 // bytes of a cause in the log; a panic's has a stack

// causes logs why predictions failed: each of the first in a second, with the number of those
// that were left out before.
type causes struct {
	mu     sync.Mutex
	counts map[causeKey]causeCount
}

type causeKey struct {
	model string
	kind  fault.Kind
}

type causeCount struct {
	since   clock.Instant // the second's beginning
	logged  int           // in it
	skipped int64         // since the last line
}

// take reports whether a failure at now is to be logged, and how many were not since the last
// that was.
func (l *causes) take(model string, kind fault.Kind, now clock.Instant) (skipped int64, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := causeKey{model, kind}
	count, known := l.counts[key]
	if !known && len(l.counts) >= maxCauses || l.counts == nil {
		l.counts = make(map[causeKey]causeCount)
	}
	if !known || now.Sub(count.since) >= time.Second {
		count.since, count.logged = now, 0
	}
	if count.logged == causesPerSecond {
		count.skipped++
		l.counts[key] = count
		return 0, false
	}
	skipped = count.skipped
	count.logged, count.skipped = count.logged+1, 0
	l.counts[key] = count
	return skipped, true
}

// logCause logs the cause of a prediction's fault that is not told to the client: what the
// model made of its input, and what went wrong here. It never adds the client's
// values; a library's own text may name one.
func (g *Gateway) logCause(x *Exchange, f *fault.Error) {
	refused := false
	switch f.Kind {
	case fault.NonFiniteInput, fault.ModelRejectedInput:
		refused = true
	case fault.NonFiniteOutput, fault.InferenceFailed, fault.Internal:
	default:
		return
	}
	info := x.Model.Info()
	skipped, ok := g.causes.take(info.Name, f.Kind, clock.Now())
	if !ok {
		return
	}
	text := f.Text
	if f.Cause != nil {
		text = f.Cause.Error()
	}
	if len(text) > maxCauseText {
		text = text[:maxCauseText] + "…"
	}
	fields := []zap.Field{
		zap.String("model", info.Name), zap.String("version", info.Version),
		zap.String("code", f.Kind.Code()), zap.String("cause", text), zap.Int64("skipped", skipped),
		zap.String("request_id", string(x.ID)),
	}
	if id := x.request.ID; len(id) > 0 {
		fields = append(fields, zap.String("id", string(id))) // the protocol's own
	}
	if refused {
		g.opt.Log.Warn("prediction refused by the model", fields...)
	} else {
		g.opt.Log.Error("prediction failed", fields...)
	}
}
