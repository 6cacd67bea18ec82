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
		{Name: "plans", Ended: func(x *gateway.Exchange) { s.plans.Ended(x.Model.(*served).version, x) }},
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

// offer lets a row be compared with other answers to it, now and then.
func offer(x *gateway.Exchange) {
	if x.Err == nil {
		x.Model.(*served).version.Comparer.Offer(x.Task)
	}
}

// counted turns the gateway's account of each prediction into metrics.
type counted struct{ http *telemetry.HTTP }

func (c counted) ended(x *gateway.Exchange) {
	metrics, out := x.Model.(*served).metrics, &x.Outcome
	if out.Overran {
		c.http.Overran()
	}
	if x.Exposure.Share > 0 {
		metrics.ObserveSplit(x.Exposure.Known)
	}
	if out.Fault != fault.None {
		metrics.ObserveFault(out.Fault, out.Total)
		return
	}
	if x.Model.(*served).filled != nil {
		metrics.ObserveFilled(x.Filling.Degraded())
	}
	t := &out.Trace
	metrics.ObserveRequest(&telemetry.Request{
		Rows: out.Rows, Late: out.Late, Total: out.Total, Decode: out.Decode, Encode: out.Encode,
		Queue: t.Sealed.Sub(t.Queued), Input: t.RunStart.Sub(t.Sealed), Run: t.RunEnd.Sub(t.RunStart), Output: t.Done.Sub(t.RunEnd),
	})
}
