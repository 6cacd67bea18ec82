package gateway

import "go.uber.org/zap"

// Listener hears of every exchange that found a model, once, when its answer has been handed to the kernel or
// its client is gone: also of those that were refused or failed. Inputs, outputs, id and outcome are as they
// were; they are another exchange's afterwards. Ended runs on the request path: it must not block, allocate
// or keep what it is given.
type Listener struct {
	Name  string // for the log
	Ended func(x *Exchange)
}

// End tells the listeners and takes the exchange back. The front end calls it once for each that it got, when
// nothing of the answer is to be written any more.
func (g *Gateway) End(x *Exchange) {
	if x.Model != nil {
		for i := range g.opt.Ended {
			g.tell(&g.opt.Ended[i], x)
		}
		x.Model.Release()
		x.Fall.release(x.spoiled)
		if !x.spoiled {
			x.Task.Release()
		}
	}
	if x.spoiled {
		x.answer.Abandon()
		x.kept.Abandon()
		return
	}
	x.answer.Release()
	x.kept.Release()
	unpooled := x.unpooled // read before the fill of one that was left may give it back
	if was := x.state.Or(over); unpooled || was&left != 0 && was&reported == 0 {
		return // its fill gives it back, or nobody
	}
	x.recycle()
}

// tell has a listener that panics harm nobody but itself.
func (g *Gateway) tell(l *Listener, x *Exchange) {
	defer func() {
		if reason := recover(); reason != nil {
			g.failures.Error(g.opt.Log, "a listener panicked", zap.String("listener", l.Name), zap.String("request_id", string(x.ID)), zap.Any("panic", reason), zap.Stack("stack"))
		}
	}()
	l.Ended(x)
}
