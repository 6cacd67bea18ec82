package serve

import (
	"sluice/gateway"
	"sluice/internal/fault"
	"sluice/internal/telemetry"
	"sluice/shadow"
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

// mirrored hands exchanges to the mirror.
type mirrored struct{ to *shadow.Mirror }

func (m mirrored) ended(x *gateway.Exchange) {
	if x.Err != nil || x.Outcome.Fault != fault.None || !m.to.Active() {
		return
	}
	m.to.Answered(x.Outcome.Total)
	if !ofLive(x) {
		return
	}
	info, t, o, e := x.Model.Info(), x.Task, &x.Outcome, &x.Exposure
	m.to.Offer(&shadow.Request{
		Model: info.Name, Version: info.Version, Digest: info.Digest, ID: x.ID, Known: e.Known, Unit: e.Hash, Rows: o.Rows, Schema: info.Schema,
		Inputs: t.Inputs, Optional: t.Optional, Outputs: t.Outputs, Run: took(o.Trace.RunStart, o.Trace.RunEnd), Degraded: o.Trace.Reason != "",
	})
}

// ofLive reports whether an answer is the live version's own, to a request that left it to the gateway which version answers. What a
// rung of a ladder answers is not.
func ofLive(x *gateway.Exchange) bool {
	return !x.Exposure.Named && !x.Exposure.Canary && x.Fall.From == nil
}
