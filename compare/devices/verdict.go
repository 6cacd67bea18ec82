package devices

import (
	"fmt"
	"slices"
	"time"

	"sluice/compare/price"
	"sluice/internal/cost"
	"sluice/internal/units"
)

// missing is the verdict on a model that does not run on both devices.
func (r *Report) missing() {
	r.Verdict = Verdict{Kind: Missing}
	for i, d := range r.Devices {
		if d.Missing == "" {
			continue
		}
		text := fmt.Sprintf("%s does not run on %s: %s", r.Model.Name, d.Name, d.Missing)
		if r.Verdict.Text == "" {
			r.Verdict.Text = text
			if other := r.Devices[1-i]; other.Missing == "" {
				r.Verdict.Device = other.Name
			}
			continue
		}
		r.Verdict.Why = append(r.Verdict.Why, text)
	}
}

// judge makes the verdict of a model that runs on both.
func (r *Report) judge() {
	v := r.Price.Verdict
	r.Verdict = Verdict{Kind: v.Kind, Device: v.Device, Text: v.Text}
	e := &r.Equivalence
	switch winner, loser := r.dominant(); {
	case e.Rows > 0 && !e.Agrees:
		r.Verdict = Verdict{Kind: Differs, Text: fmt.Sprintf("%s and %s do not answer alike, so neither can stand in for the other: %s.", r.Devices[0].Name, r.Devices[1].Name, e.apart())}
	case v.Kind == price.Unpriced && winner != nil:
		r.Verdict = Verdict{price.Cheaper, winner.Name, fmt.Sprintf("%s wins at every rate: a replica does %s rows/s%s and one of %s %s, and a machine with %s has a CPU as well, so its hour costs no less.",
			winner.Name, number(winner.Load.RowsPerSecond), r.at(), loser.Name, number(loser.Load.RowsPerSecond), loser.Name), nil}
	}
	r.Verdict.Why = slices.Concat(r.speed(), r.nodes(), r.proofs())
}

// apart says how the answers differ.
func (e *Equivalence) apart() string {
	if e.Failed > 0 {
		return fmt.Sprintf("%d of %s got an answer from one of them alone (%s)", e.Failed, units.Count(e.Rows, "row"), e.Failure)
	}
	return e.Worst
}

// at names the objective.
func (r *Report) at() string {
	if r.Objective == "" {
		return ""
	}
	return " at " + r.Objective
}

// dominant is the CPU, if it does at least as much as the other device: no price that can be paid makes that one the
// cheaper one, since the CPU is in its machine too.
func (r *Report) dominant() (winner, loser *Device) {
	for i := range r.Devices {
		d, o := &r.Devices[i], &r.Devices[1-i]
		if d.CPU && !o.CPU && d.Load.RowsPerSecond > 0 && d.Load.RowsPerSecond >= o.Load.RowsPerSecond {
			return d, o
		}
	}
	return nil, nil
}

// speed says at which batch sizes which device is faster.
func (r *Report) speed() []string {
	a, b := &r.Devices[0], &r.Devices[1]
	if len(a.Warm) == 0 || len(b.Warm) == 0 {
		return nil
	}
	sizes := bothSizes(a.Warm, b.Warm)
	first, last := sizes[0], sizes[len(sizes)-1]
	why := []string{fmt.Sprintf("%s %s %s on %s and %s on %s; %s %s %s and %s.",
		units.Count(first, "row"), takes(first), wait(a.Warm.At(first)), a.Name, wait(b.Warm.At(first)), b.Name, units.Count(last, "row"), takes(last), wait(a.Warm.At(last)), wait(b.Warm.At(last)))}
	if first == last {
		why[0] = fmt.Sprintf("A run takes %s on %s and %s on %s.", wait(a.Warm.At(first)), a.Name, wait(b.Warm.At(first)), b.Name)
	}
	faster := func(rows int) *Device {
		if a.Warm.At(rows) <= b.Warm.At(rows) {
			return a
		}
		return b
	}
	if i := slices.IndexFunc(sizes, func(rows int) bool { return faster(rows) != faster(first) }); i > 0 {
		return append(why, fmt.Sprintf("%s is the faster one up to batches of %s, %s from %d on.", faster(first).Name, units.Count(sizes[i-1], "row"), faster(sizes[i]).Name, sizes[i]))
	}
	return append(why, fmt.Sprintf("%s is the faster one at every batch size that was measured.", faster(first).Name))
}

// bothSizes are the sizes of both tables up to the largest that both have.
func bothSizes(a, b cost.Curve) (sizes []int) {
	most := min(a[len(a)-1].Rows, b[len(b)-1].Rows)
	for _, p := range slices.Concat(a, b) {
		if p.Rows <= most {
			sizes = append(sizes, p.Rows)
		}
	}
	slices.Sort(sizes)
	return slices.Compact(sizes)
}

// nodes says what a device leaves to the CPU. How many it runs itself ONNX Runtime does not tell of each provider.
func (r *Report) nodes() (why []string) {
	for _, d := range r.Devices {
		left := 0
		for _, n := range d.Nodes {
			if n.Provider == cpuProvider {
				left = n.Count
			}
		}
		if !d.CPU && left > 0 {
			why = append(why, fmt.Sprintf("%s leaves %s to the CPU.", d.Name, units.Count(left, "node")))
		}
	}
	return why
}

// cpuProvider is what ONNX Runtime calls the CPU.
const cpuProvider = "CPUExecutionProvider"

// proofs says how good the figures are.
func (r *Report) proofs() (why []string) {
	if e := &r.Equivalence; e.Rows == 0 {
		why = append(why, "Nothing shows that the answers agree: no row is known that the model takes.")
	}
	for _, d := range r.Devices {
		if d.Load.RowsPerSecond == 0 && d.Load.Why != "" {
			why = append(why, fmt.Sprintf("%s holds the objective at no rate: %s.", d.Name, d.Load.Why))
		}
		if d.Load.From == Table && d.Load.RowsPerSecond > 0 {
			how := "was not put under load"
			if d.Load.Why != "" {
				how = "could not be measured under load (" + d.Load.Why + ")"
			}
			why = append(why, fmt.Sprintf("%s %s: its %s rows/s are what full batches without a pause do, which is more than any replica holds an objective at.", d.Name, how, number(d.Load.RowsPerSecond)))
		}
		if d.Load.Unconfirmed {
			why = append(why, fmt.Sprintf("The %s rows/s of %s held once: there was no time to confirm them; give it more --seconds.", number(d.Load.RowsPerSecond), d.Name))
		}
		if d.Load.AtLeast {
			why = append(why, fmt.Sprintf("%s was not brought to its limit: it does %s rows/s or more.", d.Name, number(d.Load.RowsPerSecond)))
		}
	}
	return why
}

func takes(rows int) string {
	if rows == 1 {
		return "takes"
	}
	return "take"
}

func wait(d time.Duration) string { return units.Round(d).String() }
