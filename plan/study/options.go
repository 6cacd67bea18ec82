// Package study reads what `sluice plan` is asked: a study file in YAML, tables of costs, and options that go
// before the file. It owns their names and texts and keeps no state; the command alone calls it.
package study

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"sluice/batcher/policy"
	"sluice/internal/trace"
	"sluice/plan"
)

// builder collects a question from a study file and flags.
type builder struct {
	q     plan.Question
	loads []namedLoad
	// prices are those of devices, by kind.
	prices map[string]float64
	rows   plan.Rows
	// Budgets and batch sizes that reports of `sluice check` give; all else goes before them.
	reported []plan.Model
}

type namedLoad struct {
	model, text string
}

// Option is a flag of `sluice plan`, and a key of a study file under the same name with _ for -.
type Option struct {
	Name, Help string
	Many       bool // may be given several times; flags then take the place of the file's
	set        func(b *builder, text string) error
}

// Options are all of them, in the order in which they are applied.
var Options = []Option{
	{
		"cost", "a cost table, `KIND[/MODEL]=ROWS:P50[/P95],...`, such as gpu=1:2.1ms,8:3.9ms,32:11.2ms", true,
		func(b *builder, text string) error { return b.q.Study.Costs.ParseCost(text) },
	},
	{"costs", "a `file` of cost tables, {kind: {model: [{rows, p50, p95}]}}, or what `sluice check --json` printed", true, (*builder).costs},
	{"fleet", "devices in order of preference, `KIND=COUNT[xLANES],...`, such as gpu=2,cpu=1x4", false, parsed(plan.ParseFleet, func(b *builder) *[]plan.Group { return &b.q.Study.Fleet })},
	{"budget", "`time` to answer in, for models without one of their own", false, planTime(func(b *builder) *time.Duration { return &b.q.Study.Budget })},
	{
		"load", "arrivals, `[MODEL=]PROCESS`: poisson:2000, constant:2000, gamma:2000,cv=3, burst:2000,times=4,on=200ms,every=2s, step:1000@10s,4000, ramp:1000..8000@60s, sine:2000,swing=0.5,period=24h, trace:FILE[,speed=2]", true,
		(*builder).load,
	},
	{"rows", "`rows` of the requests of every --load: 8, 1-8 or 1,1,1,32 (equally likely)", false, parsed(plan.ParseRows, func(b *builder) *plan.Rows { return &b.rows })},
	{"trace", "a recorded trace as arrivals, a `file`, compressed if it ends in .gz", false, (*builder).trace},
	{"scale", "`factor` on the rate, such as 5x", false, parsed(plan.ParseFactor, func(b *builder) *float64 { return &b.q.Study.Scale })},
	{"speed", "`factor` on time, such as 5x: the same arrivals in a fifth of the time", false, parsed(plan.ParseFactor, func(b *builder) *float64 { return &b.q.Study.Speed })},
	{"jitter", "`time` over which copies of a recorded arrival are spread (default 10ms)", false, planTime(func(b *builder) *time.Duration { return &b.q.Study.Jitter })},
	{"slo", "`objectives`: attainment>=0.99, p99<20ms (of all requests; ok.p99 of those answered), goodput>=4000, unserved<1%, max<100ms", true, func(b *builder, text string) error {
		more, err := plan.ParseObjectives(text)
		b.q.Objectives = append(b.q.Objectives, more...)
		return err
	}},
	{"search", "look for the smallest number of devices of a kind that holds --slo, `KIND[=MOST]` (64)", false, func(b *builder, text string) error {
		kind, most, limited := strings.Cut(text, "=")
		b.q.Kind, b.q.Most = kind, 64
		if n, err := strconv.Atoi(most); limited && (err != nil || n < 1) {
			return fmt.Errorf("%q is not a number of devices", most)
		} else if limited {
			b.q.Most = n
		}
		return nil
	}},
	{"sweep", "also simulate these `multiples` of the load, such as 0.5,1,1.5", false, parsed(plan.ParseFactors, func(b *builder) *[]float64 { return &b.q.Factors })},
	{"length", "virtual `time` that the answer is about (default the trace's, or 30s)", false, planTime(func(b *builder) *time.Duration { return &b.q.Study.Length })},
	{"warmup", "virtual `time` before it (default 2s, of a trace 0)", false, planTime(func(b *builder) *time.Duration { return &b.q.Study.Warmup })},
	{"overhead", "`time` that a request spends outside of queue and run, such as 0.2ms", false, planTime(func(b *builder) *time.Duration { return &b.q.Study.Overhead })},
	{"noise", "how runs differ, `sigma=0.02,hiccups=0.001x2` or none (default what the tables' p95 show)", false, func(b *builder, text string) error {
		noise, err := plan.ParseNoise(text)
		b.q.Study.Noise = &noise
		return err
	}},
	{"spread-after", "hold a second lane back for so much `time`, as the gateway's setting", false, planTime(func(b *builder) *time.Duration { return &b.q.Study.SpreadAfter })},
	{"prefer", "which device a request goes to where several would be in time, `order` or cheapest-in-budget, as the gateway's setting", false, parsed(policy.ParsePrefer, func(b *builder) *policy.Prefer { return &b.q.Study.Prefer })},
	{"price", "what an hour of a device costs, `KIND=PRICE,...`, for --prefer cheapest-in-budget (default: all alike)", false, (*builder).price},
	{"seed", "`number` that the arrivals and the noise are drawn from (default 1)", false, func(b *builder, text string) (err error) {
		if b.q.Study.Seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			return fmt.Errorf("%q is not a whole number from 0", text)
		}
		return nil
	}},
}

func planTime(field func(*builder) *time.Duration) func(*builder, string) error {
	return func(b *builder, text string) error {
		d, err := time.ParseDuration(text)
		if err != nil || d < 0 {
			return fmt.Errorf("%q is not a length of time, such as 20ms", text)
		}
		*field(b) = d
		return nil
	}
}

// parsed sets a field of the question.
func parsed[T any](parse func(string) (T, error), field func(*builder) *T) func(*builder, string) error {
	return func(b *builder, text string) (err error) {
		*field(b), err = parse(text)
		return err
	}
}

// load reads [MODEL=]PROCESS; a process has its own = signs after its colon.
func (b *builder) load(text string) error {
	model, process, named := strings.Cut(text, "=")
	if !named || strings.Contains(model, ":") {
		model, process = "model", text
	}
	if model == "" {
		return fmt.Errorf("the load %q names no model", text)
	}
	b.loads = append(b.loads, namedLoad{model, process})
	return nil
}

// price reads KIND=PRICE,...
func (b *builder) price(text string) error {
	b.prices = map[string]float64{}
	for part := range strings.SplitSeq(text, ",") {
		kind, number, ok := strings.Cut(strings.TrimSpace(part), "=")
		price, err := strconv.ParseFloat(number, 64)
		if !ok || kind == "" || err != nil || !(price > 0 && price <= maxPrice) {
			return fmt.Errorf("%q is no kind of device with its price, above 0 and up to %g, such as gpu=0.8", part, maxPrice)
		}
		b.prices[kind] = price
	}
	return nil
}

// maxPrice is what no hour of a device costs, in any currency.
const maxPrice = 1e9

func (b *builder) trace(path string) error {
	f, err := trace.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	b.q.Study.Trace, err = plan.ReadTrace(f.Next)
	return err
}

// Read joins the study file, if one is named, and the options, which go before it; given has the texts of
// those that are given.
func Read(file string, given func(name string) []string) (plan.Question, error) {
	b := &builder{}
	b.q.Study.Costs, b.q.Study.Seed, b.q.Study.Warmup = plan.Costs{}, 1, -1
	if file != "" {
		if err := b.file(file); err != nil {
			return b.q, err
		}
	}
	var faults []error
	for _, o := range Options {
		texts := given(o.Name)
		if o.Many && texts != nil {
			b.replace(o.Name)
		}
		for _, text := range texts {
			if err := o.set(b, text); err != nil {
				faults = append(faults, fmt.Errorf("--%s: %w", o.Name, err))
			}
		}
	}
	if err := errors.Join(faults...); err != nil {
		return b.q, err
	}
	return b.question()
}

// replace forgets what the file said where a flag says something else.
func (b *builder) replace(name string) {
	switch name {
	case "load":
		b.loads, b.q.Study.Traffic = nil, nil
	case "slo":
		b.q.Objectives = nil
	}
}

// question puts in place what depends on more than one option.
func (b *builder) question() (plan.Question, error) {
	s := &b.q.Study
	for _, l := range b.loads {
		load, err := plan.ParseLoad(l.text)
		if err != nil {
			return b.q, err
		}
		s.Traffic = append(s.Traffic, plan.Traffic{Model: l.model, Load: load, Rows: b.rows, Priority: normal})
	}
	if s.Warmup < 0 {
		s.Warmup = 2 * time.Second
		if len(s.Traffic) == 0 {
			s.Warmup = 0
		}
	}
	for _, m := range b.reported {
		if s.Budget > 0 {
			m.Budget = 0 // one for all was asked for
		}
		if !b.named(m.Name) && b.asked(m.Name) {
			s.Models = append(s.Models, m)
		}
	}
	if len(s.Fleet) == 0 && len(s.Costs) == 1 {
		for kind := range s.Costs {
			s.Fleet = []plan.Group{{Kind: kind, Count: 1}}
		}
	}
	for i := range s.Fleet {
		if price, known := b.prices[s.Fleet[i].Kind]; known {
			s.Fleet[i].Price = price
		}
	}
	for kind := range b.prices {
		if !slices.ContainsFunc(s.Fleet, func(g plan.Group) bool { return g.Kind == kind }) {
			return b.q, fmt.Errorf("--price names %s, of which the fleet has none", kind)
		}
	}
	return b.q, s.Validate()
}

// asked reports whether there is traffic for a model. Reports tell of all that a gateway has.
func (b *builder) asked(model string) bool {
	s := &b.q.Study
	return s.Trace != nil && slices.Contains(s.Trace.Models, model) ||
		slices.ContainsFunc(s.Traffic, func(t plan.Traffic) bool { return t.Model == model })
}
