package watch

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"time"

	"sluice/loadtest/result"
)

// overlap is how much of the time before at, span long, lies between two instants.
func overlap(at time.Time, span time.Duration, from, to time.Time) time.Duration {
	begin, end := at.Add(-span), at
	if from.After(begin) {
		begin = from
	}
	if to.Before(end) {
		end = to
	}
	return max(0, end.Sub(begin))
}

// average is a mean over time.
type average struct{ sum, seconds float64 }

func (a *average) add(v float64, d time.Duration) {
	a.sum += v * d.Seconds()
	a.seconds += d.Seconds()
}

func (a *average) mean() float64 {
	if a.seconds == 0 {
		return 0
	}
	return a.sum / a.seconds
}

// Between sums up a window, the measured one. sent and answered are the requests in it, by
// which CPU time is divided; 0 leaves that out. Readings that only touch the window count with
// the part of them that lies in it. Stop first: the last reading covers the window's end.
func (w *Watch) Between(from, to time.Time, sent, answered int64) result.Resources {
	return between(w.Series(), from, to, sent, answered)
}

func between(series []Reading, from, to time.Time, sent, answered int64) result.Resources {
	s := sumUp(series, from, to)
	out := result.Resources{Tool: s.tool.process(sent), Metrics: s.metrics.sum()}
	out.Tool.GCPauseMax, out.Tool.PacerCores, out.Tool.RunQueueShare, out.Tool.RunQueueP99 = ms(s.pause), s.pacer.mean(), s.queued.mean(), upperTurns(s.waits, 0.99)
	if s.target.any {
		p := s.target.process(answered)
		out.Target = &p
	}
	out.Host = result.Host{Steal: s.steal.mean(), Busy: s.busy.mean(), CPUPressure: -1}
	if s.pressure.seconds > 0 {
		out.Host.CPUPressure = s.pressure.mean()
	}
	return out
}

// sums are of what lies between two instants.
type sums struct {
	tool, target                         processSum
	pacer, queued, steal, busy, pressure average
	pause                                time.Duration // the longest
	waits                                []turns
	metrics                              metricsSum
}

func sumUp(readings []Reading, from, to time.Time) (s sums) {
	for i := range readings {
		r := &readings[i]
		if d := overlap(r.At, r.RatesSpan, from, to); r.Rates != nil && d > 0 {
			s.metrics.add(r.Rates, d)
		}
		if d := overlap(r.At, r.Span, from, to); d > 0 {
			s.add(r, d)
		}
	}
	return s
}

// add adds the part of a reading that lies there.
func (s *sums) add(r *Reading, d time.Duration) {
	s.tool.add(&r.Tool, d)
	s.target.add(&r.Target, d)
	s.pause = max(s.pause, r.GCPause)
	if p := r.Pacing; p != nil {
		s.pacer.add(p.Cores, d)
		s.queued.add(p.Wait, d)
		s.waits = append(s.waits, turns{ms(p.SliceWait), p.Turns})
	}
	if h := r.Host; h != nil {
		s.steal.add(h.Steal, d)
		s.busy.add(h.Busy, d)
		if h.CPUPressure >= 0 {
			s.pressure.add(h.CPUPressure, d)
		}
	}
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

type processSum struct {
	any                           bool
	out                           result.Process
	cores, voluntary, involuntary average
}

func (s *processSum) add(u *Usage, d time.Duration) {
	if u.PID == 0 {
		return
	}
	s.any = true
	p := &s.out
	p.PID = u.PID
	p.RSSMax, p.PSSMax = max(p.RSSMax, u.RSS), max(p.PSSMax, u.PSS)
	p.Threads, p.FDs = max(p.Threads, u.Threads), max(p.FDs, u.FDs)
	p.Restarted = p.Restarted || u.Other
	s.cores.add(u.Cores, d)
	s.voluntary.add(u.Voluntary, d)
	s.involuntary.add(u.Involuntary, d)
}

func (s *processSum) process(requests int64) result.Process {
	p := s.out
	p.Cores, p.Voluntary, p.Involuntary = s.cores.mean(), s.voluntary.mean(), s.involuntary.mean()
	if requests > 0 {
		p.CPUPerRequest = s.cores.sum * 1e6 / float64(requests)
	}
	return p
}

// turns are the times that a thread got a core in a reading, each after the same wait: the
// kernel tells no more than their mean.
type turns struct {
	wait float64 // ms
	n    uint64
}

// upperTurns is the wait that a part of all turns stays within.
func upperTurns(all []turns, part float64) float64 {
	slices.SortFunc(all, func(a, b turns) int { return cmp.Compare(a.wait, b.wait) })
	total := 0.0
	for _, t := range all {
		total += float64(t.n)
	}
	seen := 0.0
	for _, t := range all {
		if seen += float64(t.n); seen > 0 && seen >= part*total {
			return t.wait
		}
	}
	return 0
}

type metricsSum struct {
	any                               bool
	out                               result.Metrics
	accepted, answered, sheds, spills average
	rows, batches, gpu, queue         average
	devices                           map[string]float64
}

func (s *metricsSum) add(r *Rates, d time.Duration) {
	s.any, s.out.Source = true, r.Source
	s.accepted.add(r.Accepted, d)
	s.answered.add(r.Answered, d)
	s.sheds.add(r.Sheds, d)
	s.spills.add(r.Spills, d)
	s.rows.add(r.Rows, d)
	s.batches.add(r.Batches, d)
	s.gpu.add(r.GPU, d)
	s.queue.add(r.Queue, d)
	s.out.QueueMax, s.out.GPUMemMax = max(s.out.QueueMax, r.Queue), max(s.out.GPUMemMax, r.GPUMemory)
	if s.devices == nil {
		s.devices = map[string]float64{}
	}
	for device, rows := range r.Devices {
		s.devices[device] += rows * d.Seconds()
	}
}

// sum is nil without metrics. Counts are of the window; a reading at its edge counts in part.
func (s *metricsSum) sum() *result.Metrics {
	if !s.any {
		return nil
	}
	m := s.out
	m.Accepted, m.Answered, m.Sheds, m.Spills = s.accepted.sum, s.answered.sum, s.sheds.sum, s.spills.sum
	if s.batches.sum > 0 {
		m.BatchMean = s.rows.sum / s.batches.sum
	}
	m.GPUMean = s.gpu.mean()
	for _, device := range slices.Sorted(maps.Keys(s.devices)) {
		m.Devices = append(m.Devices, result.Count{Name: device, N: int64(math.Round(s.devices[device]))})
	}
	return &m
}

// Fill puts the readings into the seconds of a run: each gets the mean over the second that
// begins at its T, counted from start, and the largest memory.
func (w *Watch) Fill(series []result.Second, start time.Time) { fill(series, w.Series(), start) }

func fill(series []result.Second, readings []Reading, start time.Time) {
	for i := range series {
		s := &series[i]
		from := start.Add(time.Duration(s.T * float64(time.Second)))
		sum := sumUp(readings, from, from.Add(time.Second))
		s.ToolCPU, s.TargetCPU, s.RSS = sum.tool.cores.mean(), sum.target.cores.mean(), sum.target.out.RSSMax
		m := &sum.metrics
		s.GPU, s.Queue, s.Spills, s.Sheds = m.gpu.mean(), m.queue.mean(), m.spills.mean(), m.sheds.mean()
	}
}
