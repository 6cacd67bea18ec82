package price

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Compare says what a load costs on each of two devices, which one is cheaper, from which rates on, and what would change
// that. The order of the devices matters for nothing but their order in the report.
func Compare(fleet Fleet, day Day, a, b Device) (*Report, error) {
	c, err := newContest(fleet, day, a, b)
	if err != nil {
		return nil, err
	}
	r := &Report{
		Schema: Schema, Headroom: fleet.Headroom, Replicas: fleet.Replicas,
		Currency: c.currency(), Day: day, Mean: day.Mean(), Peak: day.Peak(), Devices: [2]Figures{c.figures(0), c.figures(1)},
	}
	switch {
	case !c.feasible(0) || !c.feasible(1):
	case !c.priced():
		r.PriceRatio = c.days[1].replicaHours(1) / c.days[0].replicaHours(1)
		r.Sensitivity = c.sensitivity()
	default:
		r.spans(c)
		r.Sensitivity = c.sensitivity()
		if c.cheaper() != 0 {
			r.Changes = c.changes()
		}
	}
	r.Verdict = c.verdict()
	return r, nil
}

// contest is two devices under one load.
type contest struct {
	fleet   Fleet
	day     Day
	devices [2]Device
	// days are what the devices cost a day over a multiple of the load, in replica-hours where a price is unknown.
	days [2]staircase
}

func newContest(fleet Fleet, day Day, a, b Device) (*contest, error) {
	for _, err := range []error{fleet.validate(), day.validate(), a.validate(), b.validate()} {
		if err != nil {
			return nil, err
		}
	}
	switch {
	case a.Name == b.Name:
		return nil, fmt.Errorf("both devices are named %s: name two that differ", a.Name)
	case a.PricePerHour > 0 && b.PricePerHour > 0 && a.Currency != b.Currency:
		return nil, fmt.Errorf("the price of %s is in %s and that of %s in %s: give both in one currency", a.Name, a.Currency, b.Name, b.Currency)
	}
	c := &contest{fleet: fleet, day: day, devices: [2]Device{a, b}}
	for i, d := range c.devices {
		if n := fleet.Needed(d, day.Peak()); c.feasible(i) && n > maxReplicas {
			return nil, fmt.Errorf("%v rows/s take %s replicas of %s: the limit is %d; lower the rate, or raise headroom (%v) or what a replica can do (%v rows/s)",
				day.Peak(), number(n), d.Name, maxReplicas, fleet.Headroom, d.RowsPerSecond)
		}
		levels := day.levels()
		if d.Fixed {
			levels = []level{{day.Peak(), hours}}
		}
		c.days[i] = c.staircase(i, levels, float64(fleet.Replicas))
	}
	return c, nil
}

func (c *contest) staircase(i int, levels []level, floor float64) staircase {
	price := 1.0
	if c.priced() {
		price = c.devices[i].PricePerHour
	}
	return staircase{capacity: c.fleet.Headroom * c.devices[i].RowsPerSecond, price: price, floor: floor, levels: levels}
}

// feasible tells whether a device meets the objective at some rate.
func (c *contest) feasible(i int) bool { return c.devices[i].RowsPerSecond > 0 }

// priced tells whether both prices are known.
func (c *contest) priced() bool {
	return c.devices[0].PricePerHour > 0 && c.devices[1].PricePerHour > 0
}

// currency is that of the prices that are known.
func (c *contest) currency() string {
	for _, d := range c.devices {
		if d.PricePerHour > 0 {
			return d.Currency
		}
	}
	return ""
}

// cheaper is the sign of the difference over the day.
func (c *contest) cheaper() int { return compare(c.days[0].cost(1), c.days[1].cost(1)) }

// name is that of the cheaper device by the sign of a difference, empty for none.
func (c *contest) name(sign int) string {
	return [...]string{c.devices[0].Name, "", c.devices[1].Name}[sign+1]
}

// millions is how many million rows the day has.
func (c *contest) millions() float64 { return c.day.Mean() * hours * 3600 / 1e6 }

func (c *contest) figures(i int) Figures {
	d := c.devices[i]
	f := Figures{Name: d.Name, RowsPerSecond: d.RowsPerSecond, PricePerHour: d.PricePerHour, Fixed: d.Fixed}
	if !c.feasible(i) {
		return f
	}
	s := c.days[i]
	f.ReplicasMost = int(replicas(c.day.Peak(), s.capacity, s.floor))
	f.ReplicasLeast = int(replicas(s.levels[0].rate, s.capacity, s.floor))
	run := s.replicaHours(1)
	f.Idle = 1 - c.day.Mean()*hours/(run*d.RowsPerSecond)
	f.DeviceSeconds = run * 3600 / c.millions()
	if d.PricePerHour > 0 {
		f.Day = run * d.PricePerHour
		f.PerMillion = f.Day / c.millions()
		f.FullLoad = d.FullLoadCost()
	}
	return f
}

// byRate are what the devices cost a day at one rate, which is the scale. A fixed device has at least what today's peak takes.
func (c *contest) byRate() (a, b staircase) {
	var s [2]staircase
	for i, d := range c.devices {
		floor := float64(c.fleet.Replicas)
		if d.Fixed {
			floor = c.fleet.Needed(d, c.day.Peak())
		}
		s[i] = c.staircase(i, []level{{1, hours}}, floor)
	}
	return s[0], s[1]
}

// spans are those of rates in which the same device is cheaper.
func (c *contest) spans() (spans []span, all bool) {
	a, b := c.byRate()
	top, all := reach(a, b, c.day.Peak())
	return follow(a, b, top), all
}

// breakEven are the rates between spans.
func breakEven(spans []span) []float64 {
	points := make([]float64, len(spans)-1)
	for i := range points {
		points[i] = spans[i].upTo
	}
	return points
}

// spans fills in where which device is cheaper.
func (r *Report) spans(c *contest) {
	spans, all := c.spans()
	r.BreakEven, r.AllFound = breakEven(spans), all
	r.Spans = make([]Span, len(spans))
	for i, s := range spans {
		r.Spans[i] = Span{Cheaper: c.name(s.cheaper), Above: s.above, UpTo: s.upTo}
		if all && i == len(spans)-1 {
			r.Spans[i].UpTo = 0
		}
	}
	for _, rate := range c.day {
		r.Spans[at(spans, rate)].Hours++
	}
	if rate, ok := c.fleet.SmoothBreakEven(c.devices[0], c.devices[1]); ok && !c.devices[0].Fixed && !c.devices[1].Fixed {
		r.Smooth = rate
	}
}

// changes are the smallest of each kind that make the other device the cheaper one over the day, the smallest first.
func (c *contest) changes() []Change {
	w, l := 0, 1
	if c.cheaper() > 0 {
		w, l = 1, 0
	}
	won, lost := c.days[w], c.days[l]
	ratio := lost.cost(1) / won.cost(1)
	var changes []Change
	add := func(what, device string, from float64, is string, to float64) {
		if to > 0 && !math.IsInf(to, 0) {
			changes = append(changes, Change{What: what, Device: device, From: from, Is: is, To: to, Percent: 100 * (to/from - 1)})
		}
	}
	winner, loser := c.devices[w], c.devices[l]
	add("price", winner.Name, winner.PricePerHour, ">", winner.PricePerHour*ratio)
	add("price", loser.Name, loser.PricePerHour, "<", loser.PricePerHour/ratio)

	// A device of half the throughput costs what it would cost at twice the load.
	still := lost
	still.still = true
	_, up := flips(won, still)
	add("throughput", winner.Name, winner.RowsPerSecond, "<", winner.RowsPerSecond/up)
	still = won
	still.still = true
	down, _ := flips(lost, still)
	add("throughput", loser.Name, loser.RowsPerSecond, ">=", loser.RowsPerSecond/down)

	down, up = flips(won, lost)
	add("load", "", c.day.Mean(), "<=", c.day.Mean()*down)
	add("load", "", c.day.Mean(), ">", c.day.Mean()*up)

	size := func(c Change) float64 { return math.Abs(math.Log(c.To / c.From)) }
	slices.SortStableFunc(changes, func(a, b Change) int {
		return cmp.Or(compare(size(a), size(b)), cmp.Compare(a.To, b.To))
	})
	return changes
}

// sensitivity is the comparison again with each price 30 % lower and higher, and with other headroom and replicas. What
// breaks a limit is left out.
func (c *contest) sensitivity() []Case {
	var cases []Case
	add := func(change string, fleet Fleet, a, b Device) {
		v, err := newContest(fleet, c.day, a, b)
		if err != nil {
			return
		}
		k := Case{Change: change}
		for i := range v.days {
			f := v.figures(i)
			k.DeviceSeconds[i], k.PerMillion[i] = f.DeviceSeconds, f.PerMillion
		}
		if v.priced() {
			spans, _ := v.spans()
			k.Cheaper, k.BreakEven = v.name(v.cheaper()), breakEven(spans)
		}
		cases = append(cases, k)
	}
	a, b := c.devices[0], c.devices[1]
	add("as it is", c.fleet, a, b)
	for _, percent := range []float64{-30, 30} {
		if c.priced() {
			a.PricePerHour *= 1 + percent/100
			add(fmt.Sprintf("price of %s %+.0f %%", a.Name, percent), c.fleet, a, b)
			a = c.devices[0]
			b.PricePerHour *= 1 + percent/100
			add(fmt.Sprintf("price of %s %+.0f %%", b.Name, percent), c.fleet, a, b)
			b = c.devices[1]
		}
	}
	for _, by := range []float64{-0.1, 0.1} {
		f := c.fleet
		f.Headroom = math.Round(1e6*(f.Headroom+by)) / 1e6
		add(fmt.Sprintf("headroom %v", f.Headroom), f, a, b)
	}
	for _, by := range []int{-1, 1} {
		f := c.fleet
		f.Replicas += by
		add(fmt.Sprintf("replicas %d", f.Replicas), f, a, b)
	}
	return cases
}
