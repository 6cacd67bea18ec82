package gateway

import (
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"sluice/internal/clock"
)

// Throttle lets one log line a second through, so that a fault of every request does
// not become a line per request.
type Throttle struct {
	next    atomic.Int64
	skipped atomic.Int64
}

// Error writes the line, or counts it into the next one.
func (t *Throttle) Error(log *zap.Logger, message string, fields ...zap.Field) {
	now := int64(clock.Now())
	next := t.next.Load()
	if now < next || !t.next.CompareAndSwap(next, now+int64(time.Second)) {
		t.skipped.Add(1)
		return
	}
	log.Error(message, append(fields, zap.Int64("skipped", t.skipped.Swap(0)))...)
}
