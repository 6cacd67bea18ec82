package stats

import (
	"time"

	"sluice/loadtest/result"
	"sluice/loadtest/sample"
)

// The parts of a response latency, in the order of the flow.
const (
	partLag = iota
	partQueue
	partNetwork
	partServer      // the first of the server's stages
	partUnexplained = partServer + sample.Stages
	parts           = partUnexplained + 1
)

// split divides a response latency into parts that add up to it:
//
//	lag            the generator noticed the request after its instant
//	client queue   from then until it was written: waiting for a connection
//	network+parse  from there to the answer's first byte, less what the server tells of itself
//	server's       decode, queue, run, encode, as its answer tells
//	unexplained    from the first to the last byte; and, below 0, what the other parts are too long by
//
// The server's clock may say more than the client saw pass, for its figures are rounded to
// microseconds and its last stage may end after the first byte has left. Network+parse is then
// 0, and the excess is taken from unexplained.
func split(s *sample.Sample) (p [parts]time.Duration) {
	p[partLag] = s.Noticed - s.Intended
	p[partQueue] = s.Written - s.Noticed
	p[partNetwork] = s.First - s.Written
	for i, us := range s.Server {
		p[partServer+i] = time.Duration(us) * time.Microsecond
		p[partNetwork] -= p[partServer+i]
	}
	p[partUnexplained] = s.Last - s.First
	for i := range partUnexplained {
		if p[i] < 0 {
			p[partUnexplained] += p[i]
			p[i] = 0
		}
	}
	return p
}

// stages sums up the parts of the right answers' response latencies. Their means add up to
// the mean latency; percentiles do not add up, since the slowest run is not in the request
// that queued longest.
func stages(samples []sample.Sample, w Window) []result.Stage {
	var answers []*sample.Sample
	var told uint32
	for i := range samples {
		if s := &samples[i]; w.holds(s) && s.Outcome == sample.OK {
			answers = append(answers, s)
			for _, us := range s.Server {
				told |= us
			}
		}
	}
	if len(answers) == 0 {
		return nil
	}
	var columns [parts][]int64
	for i := range columns {
		columns[i] = make([]int64, len(answers))
	}
	for k, s := range answers {
		for i, d := range split(s) {
			columns[i][k] = int64(d)
		}
	}
	enough := int64(len(answers)) >= EarlyStop(0.99, 0, Confidence)
	var all []result.Stage
	for i, ns := range columns {
		name := stageName(i, told > 0)
		if name == "" {
			continue
		}
		stage := result.Stage{Name: name, Mean: milliseconds(mean(ns))}
		sortLatencies(ns)
		stage.P50 = nearest(ns, 0.5)
		if enough {
			stage.P99 = nearest(ns, 0.99)
		}
		all = append(all, stage)
	}
	return all
}

// stageName is "" of a part that is not there: a server's own stage if it tells none.
func stageName(part int, told bool) string {
	switch {
	case part == partLag:
		return "lag"
	case part == partQueue:
		return "client queue"
	case part == partUnexplained:
		return "unexplained"
	case part == partNetwork && told:
		return "network+parse"
	case part == partNetwork:
		return "network+server"
	case told:
		return sample.StageNames[part-partServer]
	default:
		return ""
	}
}
