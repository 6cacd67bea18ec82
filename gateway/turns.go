package gateway

import (
	"runtime"
	"time"

	"sluice/internal/clock"
	"sluice/internal/fault"
)

// Compressed bodies that become large are decompressed and decoded in turns: at most as many at once as half of
// the processors. The others are for the requests beside them. A body of some kilobytes may become 64 MiB, so
// that no network slows its sender down: beside 24 of 63 MiB at once, on two processors, a small request took 0.3 to
// 3.7 s in the median, and 9 of the 24 found no memory. In turns it takes 0.6 to 1.2 ms, and more of the large ones are
// answered in the same time. Those that wait hold little memory. Bodies that come as they are take no turns: they have cost their sender the bytes.

// largeInflated is how many bytes a body may have without its coding before it takes a turn.
const largeInflated = 1 << 20

func newTurns() chan struct{} { return make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2)) }

// takeTurn waits for a turn, which the exchange has until settle; at most until the deadline. Without a budget in
// the head that is the longest that the body's timeout parameter may ask for.
func (g *Gateway) takeTurn(x *Exchange) *fault.Error {
	if x.turn {
		return nil
	}
	select {
	case g.turns <- struct{}{}:
		x.turn = true
		return nil
	default:
	}
	until := x.Task.Deadline
	if !x.budgeted && x.Format == V2 {
		until = x.Arrived.Add(max(g.opt.Limits.MaxBudget, x.Model.Info().Budget))
	}
	expired := time.NewTimer(until.Sub(clock.Now()))
	defer expired.Stop()
	select {
	case g.turns <- struct{}{}:
		x.turn = true
		return nil
	case <-expired.C:
		return fault.Newf(fault.DeadlineExceeded, "the deadline passed while the body waited for its turn: of compressed bodies that become more than %d bytes, %d are decoded at once; send it uncompressed, or with more time", largeInflated, cap(g.turns))
	}
}

// endTurn gives the turn back, if the exchange has one.
func (g *Gateway) endTurn(x *Exchange) {
	if x.turn {
		x.turn = false
		<-g.turns
	}
}
