package stats

import (
	"time"

	hdr "github.com/HdrHistogram/hdrhistogram-go"

	"sluice/loadtest/result"
	"sluice/loadtest/sample"
)

// A slot is a quarter of a second; the last second is four of them.
const (
	slotLength   = time.Second / slotsASecond
	slotsASecond = 4
	slotCount    = 2 * slotsASecond // the second that is shown, and what is still filling
)

// Progress is what the load generator says of itself, as totals since the run's start.
type Progress struct {
	// Due counts requests whose instant has come, Written those that were written. In a closed
	// loop the two are the same.
	Due, Written int64
}

// Live follows a run that goes on, in memory that does not grow with the number of requests
// (a few hundred bytes for each second aside). It is not safe for concurrent use.
//
// The order in which requests end is not that in which they were meant to be sent. Live is
// given each request once, when it has ended, in the order of the ends (Ended), and files it
// by the instant of its last byte; of sending it knows what Tick is told. So its seconds are
// those in which answers came, while a finished run's series has them where they were asked
// for: during a stall Live shows no answers, and late ones after it, which is what happens.
type Live struct {
	w     Window
	now   time.Duration
	last  Progress
	slots [slotCount]slot
	open  int // the number of the first slot that still takes requests

	response, service, lag *liveHistogram
	outcomes               [sample.Outcomes]int64
	late, verified         int64
	gone                   int64 // written requests that have ended, the warm-up's among them
	series                 []result.Second
}

// slot is what happened in a quarter of a second.
type slot struct {
	due, written      int64
	outcomes          [sample.Outcomes]int64
	response, service *liveHistogram
	lag               *liveHistogram
	parts             [parts]time.Duration
	told              bool // the server tells its stages
	answers           int64
	batches           float64
	inFlight          int64 // at its end
}

// Significant digits of the totals and of the slots.
const exact, coarse = 3, 2

// liveHistogram keeps its maximum exactly.
type liveHistogram struct {
	h       *hdr.Histogram
	max     time.Duration
	least99 int64 // samples without which it says no p99
}

func newLiveHistogram(digits int, least99 int64) *liveHistogram {
	return &liveHistogram{h: hdr.New(lowest, highest, digits), least99: least99}
}

func (h *liveHistogram) add(d time.Duration) {
	d = max(d, 0)
	h.max = max(h.max, d)
	_ = h.h.RecordValue(min(int64(d.Round(time.Microsecond)/time.Microsecond), highest)) // within its range
}

func (h *liveHistogram) merge(from *liveHistogram) {
	h.h.Merge(from.h)
	h.max = max(h.max, from.max)
}

func (h *liveHistogram) reset() {
	h.h.Reset()
	h.max = 0
}

// NewLive follows a run whose measured window is w.
func NewLive(w Window) *Live {
	l := &Live{
		w: w, response: newLiveHistogram(exact, least99), service: newLiveHistogram(exact, least99),
		lag: newLiveHistogram(exact, 0),
	}
	for i := range l.slots {
		s := &l.slots[i]
		s.response, s.service, s.lag = newLiveHistogram(coarse, 0), newLiveHistogram(coarse, 0), newLiveHistogram(coarse, 0)
	}
	return l
}

// slotAt is the slot of an instant: one that is past takes nothing more, so what comes late
// goes into the oldest that is open.
func (l *Live) slotAt(at time.Duration) *slot {
	n := min(max(int(at/slotLength), l.open), l.open+slotCount-slotsASecond-1)
	return &l.slots[n%slotCount]
}

// Ended takes a request that has ended. The sample is not kept.
func (l *Live) Ended(m *sample.Sample) {
	at := m.Last
	if at == 0 {
		at = l.now // nobody noted when it was given up
	}
	s := l.slotAt(at)
	s.outcomes[m.Outcome]++
	if m.Written > 0 {
		l.gone++
		s.lag.add(m.Lag())
	}
	if m.Outcome == sample.OK {
		s.answer(m)
	}
	if !l.w.holds(m) {
		return
	}
	l.outcomes[m.Outcome]++
	if m.Flags&sample.Verified != 0 {
		l.verified++
	}
	if m.Written > 0 {
		l.lag.add(m.Lag())
		if m.Lag() > Late {
			l.late++
		}
	}
	if m.Outcome == sample.OK {
		l.response.add(m.Response())
		l.service.add(m.Service())
	}
}

func (s *slot) answer(m *sample.Sample) {
	s.response.add(m.Response())
	s.service.add(m.Service())
	for i, d := range split(m) {
		s.parts[i] += d
	}
	for _, us := range m.Server {
		s.told = s.told || us > 0
	}
	if m.Batch > 0 {
		s.answers++
		s.batches += 1 / float64(m.Batch)
	}
}

// Tick says what is known at an instant of the run, by which every request that had ended
// has been given to Ended. It is meant to be called four times a second; requests that were
// sent since the last call are taken to have been sent in the middle between the two.
func (l *Live) Tick(now time.Duration, p Progress) Snapshot {
	now = max(l.now, now)
	s := l.slotAt((l.now + now) / 2)
	l.now = now
	s.due += p.Due - l.last.Due
	s.written += p.Written - l.last.Written
	l.last = p
	for first := int(l.now / slotLength); l.open < first; l.open++ {
		l.close()
	}
	recent, seconds := l.recent(l.open - slotsASecond)
	snap := Snapshot{
		Elapsed: l.now, Window: l.w, InFlight: max(p.Written-l.gone, 0), Late: l.late, LagP99: l.lag.sum().P99,
		Response: l.response.sum(), Service: l.service.sum(), Outcomes: l.outcomes, Verified: l.verified,
		Stages: recent.stages(), BatchMean: batchMean(recent.answers, recent.batches),
	}
	if seconds > 0 {
		snap.Offered, snap.Sent, snap.Good = float64(recent.due)/seconds, float64(recent.written)/seconds, float64(recent.outcomes[sample.OK])/seconds
	}
	snap.Recent.Response, snap.Recent.Service = recent.response.sum(), recent.service.sum()
	return snap
}

// close ends the first open slot, and with it perhaps a second of the window. The slot that
// becomes usable by that is the one that no second needs any more.
func (l *Live) close() {
	l.slots[l.open%slotCount].inFlight = max(l.last.Written-l.gone, 0)
	since := time.Duration(l.open+1)*slotLength - l.w.From
	k := int(since / time.Second)
	if since > 0 && since%time.Second < slotLength && k == len(l.series)+1 && k <= int(l.w.Length()/time.Second) {
		l.series = append(l.series, l.second(k-1))
	}
	l.slots[(l.open+slotCount-slotsASecond)%slotCount].reset()
}

// recent adds up four slots from one on; slots before the run's start were never there.
func (l *Live) recent(from int) (sum slot, seconds float64) {
	sum.response, sum.service, sum.lag = newLiveHistogram(coarse, 0), newLiveHistogram(coarse, 0), newLiveHistogram(coarse, 0)
	for n := max(from, 0); n < from+slotsASecond; n++ {
		sum.add(&l.slots[n%slotCount])
		seconds += slotLength.Seconds()
	}
	return sum, seconds
}

// second is a whole second of the window, by the ends of requests.
func (l *Live) second(k int) result.Second {
	sum, _ := l.recent(l.open + 1 - slotsASecond)
	r, v := sum.response.sum(), sum.service.sum()
	s := result.Second{
		T: float64(k), Offered: sum.due, Sent: sum.written, Good: sum.outcomes[sample.OK], InFlight: sum.inFlight,
		P50: r.P50, P90: min(float64(sum.response.h.ValueAtPercentile(90))/1000, r.Max), P99: r.P99, Max: r.Max,
		Service: v.P99, Lag: sum.lag.sum().P99, Batch: batchMean(sum.answers, sum.batches),
	}
	var ended int64
	s.Outcomes, ended = byName(&sum.outcomes)
	for i, q := range result.EveryQuantiles {
		if at := rank(q, ended); at > 0 && at <= r.N {
			s.Every[i] = min(float64(sum.response.h.ValueAtPercentile(100*float64(at)/float64(r.N)))/1000, r.Max)
		}
	}
	return s
}

// Series are the whole seconds of the window so far, by the ends of requests: what a
// condition that may end the run is held against. The slice is Live's; it only grows.
func (l *Live) Series() []result.Second { return l.series }

func (s *slot) add(from *slot) {
	s.due += from.due
	s.written += from.written
	for o, n := range from.outcomes {
		s.outcomes[o] += n
	}
	s.response.merge(from.response)
	s.service.merge(from.service)
	s.lag.merge(from.lag)
	for i, d := range from.parts {
		s.parts[i] += d
	}
	s.told = s.told || from.told
	s.answers += from.answers
	s.batches += from.batches
	s.inFlight = from.inFlight
}

func (s *slot) reset() {
	s.response.reset()
	s.service.reset()
	s.lag.reset()
	*s = slot{response: s.response, service: s.service, lag: s.lag}
}

// stages are the means of the parts of right answers' latencies.
func (s *slot) stages() []result.Stage {
	n := s.outcomes[sample.OK]
	if n == 0 {
		return nil
	}
	var all []result.Stage
	for i, sum := range s.parts {
		if name := stageName(i, s.told); name != "" {
			all = append(all, result.Stage{Name: name, Mean: milliseconds(float64(sum) / float64(n))})
		}
	}
	return all
}
