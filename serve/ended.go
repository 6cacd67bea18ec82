package serve

import (
	"sluice/gateway"
	"sluice/internal/fault"
	"sluice/internal/telemetry"
)

// listeners are who hears of each prediction that has ended.
func (s *Server) listeners() []gateway.Listener {
	list := []gateway.Listener{
		{Name: "metrics", Ended: counted{&s.metrics.HTTP}.ended},
		{Name: "parity", Ended: offer},
		{Name: "plans", Ended: func(x *gateway.Exchange) { s.plans.Ended(x.Asked().(*served).version, x) }},
	}
	if s.recorder != nil {
		list = append(list, gateway.Listener{Name: "trace", Ended: arrivals{s.recorder}.ended})
	}
	if s.predictions != nil {
		list = append(list, gateway.Listener{Name: "prediction log", Ended: answers{s.predictions}.ended})
	}
	list = append(list, gateway.Listener{Name: "shadow", Ended: mirrored{s.mirror}.ended})
	return list
}

// offer lets a row be compared with other answers to it, now and then: of the version that ran it.
func offer(x *gateway.Exchange) {
	if x.Err == nil && !x.Fall.Constant() {
		x.Model.(*served).version.Comparer.Offer(x.Task)
	}
}

// counted turns the gateway's account of each prediction into metrics. An answer of a rung is one of the version that gave it; whatever
// else becomes of a request is the version's that was asked.
type counted struct{ http *telemetry.HTTP }

func (c counted) ended(x *gateway.Exchange) {
	asked, out := x.Asked().(*served), &x.Outcome
	if out.Overran {
		c.http.Overran()
	}
	if x.Exposure.Share > 0 {
		asked.metrics.ObserveSplit(x.Exposure.Known)
	}
	if x.Fall.From != nil {
		number := x.Fall.Number()
		if out.Fault != fault.None {
			number = -1
		}
		asked.metrics.ObserveRung(number)
	}
	if out.Fault != fault.None {
		asked.metrics.ObserveFault(out.Fault, out.Total)
		return
	}
	by := x.Model.(*served)
	if by.filled != nil {
		by.metrics.ObserveFilled(x.Filling.Degraded())
	}
	t := &out.Trace
	by.metrics.ObserveRequest(&telemetry.Request{
		Rows: out.Rows, Late: out.Late, Total: out.Total, Decode: out.Decode, Encode: out.Encode,
		Queue: t.Sealed.Sub(t.Queued), Input: t.RunStart.Sub(t.Sealed), Run: t.RunEnd.Sub(t.RunStart), Output: t.Done.Sub(t.RunEnd),
	})
}
