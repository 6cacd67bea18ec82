package main

import (
	"fmt"
	"strconv"
	"sync"
	"time"

	"sluice/loadtest/result"
)

// Storm is what refusals cost the model. In a closed loop every caller that is refused asks again
// at once: how many answers are left of what the same callers get who are never refused? In an
// open loop far more is offered than can be done: how many answers in time are left of a load
// that just can be done, while a stub refuses the rest of the requests on the same machine?
type Storm struct {
	Closed []StormClosed `json:"closed"`
	Peak   float64       `json:"peak_per_s"`
	Open   []StormOpen   `json:"open"`
}

// StormClosed is the closed loop with so many callers; the figures are medians of the turns.
type StormClosed struct {
	Callers  int        `json:"callers"`
	Ratio    float64    `json:"ratio"`       // of answers to capacity, turn by turn
	Refusals float64    `json:"refused_s"`   // a second
	P99      float64    `json:"refused_p99"` // ms, as the client sees it
	Capacity []stormRun `json:"capacity_runs"`
	Storm    []stormRun `json:"storm_runs"`
}

type stormRun struct {
	Answers    float64 `json:"answers_per_s"`
	Refusals   float64 `json:"refusals_per_s"`
	RefusedP99 float64 `json:"refused_p99_ms"`
	P99        float64 `json:"p99_ms"`
	result.Validity
}

// StormOpen is the open loop at so many times the peak.
type StormOpen struct {
	Times   float64      `json:"times"`
	Ratio   float64      `json:"ratio"` // of goodput to the control's, turn by turn
	OfPeak  float64      `json:"of_peak"`
	ShedP99 float64      `json:"shed_p99_ms"`
	Control []openResult `json:"control_runs"`
	Runs    []openResult `json:"runs"`
}

// patience is a budget within which none of the callers of a closed loop is refused.
const patience = 30 * time.Second

var stormCallers = []int{64, 256, 1024}

func (b *bench) storm() error {
	if err := largeNetwork.Write(b.bundle("large"), "1"); err != nil {
		return err
	}
	gateway, err := b.ask("large", binaryKind)
	if err != nil {
		return err
	}
	defer b.retire("large")
	out := &Storm{}
	b.result.Storm = out
	if _, err := b.stormRun(gateway.aim, 64, patience); err != nil { // warms up
		return err
	}
	for _, callers := range stormCallers {
		c := StormClosed{Callers: callers}
		var ratios []float64
		for range b.repeats() {
			can, err := b.stormRun(gateway.aim, callers, patience)
			if err != nil {
				return err
			}
			run, err := b.stormRun(gateway.aim, callers, goodputBudget)
			if err != nil {
				return err
			}
			c.Capacity, c.Storm = append(c.Capacity, can), append(c.Storm, run)
			ratios = append(ratios, run.Answers/max(can.Answers, 1))
		}
		c.Ratio = round(median(ratios), 3)
		c.Refusals = medianOf(c.Storm, func(r stormRun) float64 { return r.Refusals })
		c.P99 = medianOf(c.Storm, func(r stormRun) float64 { return r.RefusedP99 })
		b.say("%d callers: %.3f of %.0f answers/s, %.0f refusals/s, p99 %.2f ms", callers, c.Ratio, c.Capacity[0].Answers, c.Refusals, c.P99)
		out.Closed = append(out.Closed, c)
	}
	return b.stormOpen(gateway, out)
}

// stormRun is a closed loop of callers with a budget.
func (b *bench) stormRun(to aim, callers int, budget time.Duration) (stormRun, error) {
	length := pick(b, 4*time.Second, 2*time.Second)
	r, err := b.closedLoop(to, callers, warmUp, length, "--budget", budget.String())
	if err != nil {
		return stormRun{}, err
	}
	out := stormRun{Answers: round(float64(r.Ledger.OK)/length.Seconds(), 1), P99: ms(&r.Response, 0.99), Validity: r.Validity}
	out.Refusals = round(float64(answered(r)-r.Ledger.OK)/length.Seconds(), 1)
	if r.Refusals != nil {
		out.RefusedP99 = ms(r.Refusals, 0.99)
	}
	return out, nil
}

// stormOpen compares the gateway under several times its peak with a gateway at its peak beside
// a stub that refuses the rest.
func (b *bench) stormOpen(gateway asked, out *Storm) error {
	to := gateway.aim
	to.ask = append(to.ask[:len(to.ask):len(to.ask)], "--budget", goodputBudget.String())
	stub, err := b.refuser(gateway)
	if err != nil {
		return err
	}
	defer stub.stop()
	length := pick(b, 4*time.Second, 2*time.Second)
	estimate := medianOf(out.Closed[0].Capacity, func(r stormRun) float64 { return r.Answers })
	top, err := b.peak(to, estimate, goodputBudget, length/2)
	if err != nil {
		return err
	}
	out.Peak = top.good
	for _, times := range []float64{2, 3} {
		o := StormOpen{Times: times}
		var ratios, shares []float64
		for range b.repeats() {
			control, err := b.besideRefusals(to, stub, top.rate, (times-1)*top.rate, length)
			if err != nil {
				return err
			}
			run, err := b.openRun(to, times*top.rate, openConns, length, goodputBudget)
			if err != nil {
				return err
			}
			o.Control, o.Runs = append(o.Control, control), append(o.Runs, run)
			ratios, shares = append(ratios, run.Good/max(control.Good, 1)), append(shares, run.Good/top.good)
		}
		o.Ratio, o.OfPeak = round(median(ratios), 3), round(median(shares), 3)
		o.ShedP99 = medianOf(o.Runs, func(r openResult) float64 { return r.ShedP99 })
		b.say("%g times the peak of %.0f/s: %.3f of the control, %.3f of the peak, refusals p99 %.2f ms", times, top.good, o.Ratio, o.OfPeak, o.ShedP99)
		out.Open = append(out.Open, o)
	}
	return nil
}

// besideRefusals loads the gateway with what it can do, and the stub with the rest.
func (b *bench) besideRefusals(to, stub aim, rate, rest float64, length time.Duration) (openResult, error) {
	flags := b.openFlags(rest, openConns, warmUp, length, goodputBudget, 0)
	var beside sync.WaitGroup
	var failed error
	beside.Go(func() { _, failed = b.loadtest(stub, flags...) })
	run, err := b.openRun(to, rate, openConns, length, goodputBudget)
	beside.Wait()
	if err == nil {
		err = failed
	}
	return run, err
}

// refuser is a server that answers every request as the gateway answers those that it refuses.
func (b *bench) refuser(gateway asked) (aim, error) {
	return b.bare("refuser", gateway, "-status", "429", "-body", strconv.Itoa(refusalBytes), "-total", strconv.Itoa(refusalBytes+refusalHead))
}

// What a refusal takes on the wire.
const (
	refusalBytes = 180
	refusalHead  = 240
)

func (r *Result) stormLines(line func(string, float64, target, []result.Validity, string, ...any)) {
	if r.Storm == nil {
		return
	}
	for _, c := range r.Storm.Closed {
		can := medianOf(c.Capacity, func(r stormRun) float64 { return r.Answers })
		line(fmt.Sprintf("storm.closed (%d callers)", c.Callers), c.Ratio, atLeast(0.85), validities(c.Capacity, c.Storm), "of %.0f answers/s; %.0f refusals/s, p99 %.2f ms", can, c.Refusals, c.P99)
	}
	for _, o := range r.Storm.Open {
		of := validities(o.Control, o.Runs)
		line(fmt.Sprintf("storm.open (%gx)", o.Times), o.Ratio, atLeast(0.90), of, "of the control; %.2f of the peak of %.0f/s%s", o.OfPeak, r.Storm.Peak, lost(o.Control, o.Runs))
		line(fmt.Sprintf("storm.shed_p99_ms (%gx)", o.Times), o.ShedP99, atMost(5), validities(o.Runs), "")
	}
}
