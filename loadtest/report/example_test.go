package report

import (
	"fmt"
	"math"
	"math/rand/v2"

	"sluice/loadtest/result"
)

// clock makes a latency whose spectrum is a straight line in the logarithm of what is left,
// as that of an exponential tail: base at p0, and so much more for each power of ten.
func clock(n int64, base, decade float64) result.Latency {
	at := func(q float64) float64 { return base - decade*math.Log10(1-q) }
	l := result.Latency{N: n, Mean: base + 0.43*decade, Min: base, Max: at(1 - 1/float64(n))}
	need := map[float64]int64{0.5: 10, 0.9: 44, 0.95: 100, 0.99: 459, 0.999: 4603}
	for _, q := range []float64{0.5, 0.9, 0.95, 0.99, 0.999} {
		if n < need[q] {
			l.Refused = append(l.Refused, result.Refusal{Q: q, Need: need[q]})
			continue
		}
		l.Quantiles = append(l.Quantiles, result.Quantile{Q: q, Ms: at(q), Lo: 0.96 * at(q), Hi: 1.05 * at(q)})
	}
	for left := 1.0; left > 1/float64(n); left *= 0.93 {
		l.Spectrum = append(l.Spectrum, result.Point{X: 1 / left, Y: at(1 - left)})
	}
	return l
}

// exampleRun is a run of a minute that goes well but for a burst of refusals.
func exampleRun() *result.Result {
	r := &result.Result{
		Schema: result.Schema, Command: "run", Start: "2026-11-25T12:00:00Z",
		Verdict: "p99 is 6.10 ms (5.86 to 6.41) at 500/s; every answer that was compared is right",
		Argv:    []string{"sluice", "loadtest", "run", "http://localhost:8080", "--model", "<resnet18>", "--load", "poisson:500", "--fail", "p99<10ms"},
		Env:     result.Env{Tool: "0.4.0", CPU: "Example CPU @ 3.0 GHz", Cores: 2, Governor: "performance", Kernel: "6.1.0", CPULimit: 2, MemoryLimit: 8 << 30, SameHost: true},
		Targets: []result.Target{{
			URL: "http://localhost:8080", Protocol: "oip-binary", Model: "<resnet18>", Version: "3", Digest: "sha256:4f1b6f3b2d6c40c4a1f9d3b1f1d7a8c0",
			Server: "sluice 0.4.0", PID: 4711, Inputs: []string{"image FP32 [1,3,224,224], random from seed 7"},
		}},
		Load: result.Load{
			Expression: "poisson:500", Seed: 7, SHA256: "9c56cc51b374c3ba189210d5b6d4bf57790d351c96c47c02190ecf1e430635ab",
			Duration: 60, Warmup: 3, Conns: 12, Variants: 256, Offered: 500.3, Sent: 500.3, Good: 494.1, Achieved: 1, Late: 12,
		},
		Validity: result.Validity{Valid: true},
		Ledger: result.Ledger{
			Scheduled: 30018, OK: 29646, Rejected: 369, Timeout: 2, LostAfter: 1, Reopened: 1, Closed: true,
			Status: map[string]int64{"200": 29646, "429": 349, "503": 20},
			Server: &result.ServerLedger{Accepted: 31504, Answered: 31503, Sent: 31506, Received: 31503, Agrees: true},
		},
		Response: clock(29646, 1.4, 2.35), Service: clock(29646, 1.3, 2.2), Lag: clock(30018, 0.02, 0.06), PacerLag: clock(30018, 0.01, 0.04),
		Stages: []result.Stage{
			{Name: "lag", Mean: 0.046, P50: 0.03, P99: 0.14},
			{Name: "client queue", Mean: 0.004, P50: 0, P99: 0.1},
			{Name: "network+parse", Mean: 0.18, P50: 0.15, P99: 0.6},
			{Name: "decode", Mean: 0.09, P50: 0.08, P99: 0.2},
			{Name: "queue", Mean: 0.62, P50: 0.4, P99: 3.1},
			{Name: "run", Mean: 1.31, P50: 1.2, P99: 2.4},
			{Name: "encode", Mean: 0.05, P50: 0.04, P99: 0.1},
			{Name: "unexplained", Mean: 0.11, P50: 0.1, P99: 0.3},
		},
		Batches: []result.Count{{Name: "1", N: 9000}, {Name: "2", N: 7000}, {Name: "4", N: 8000}, {Name: "8", N: 4000}, {Name: "16", N: 1646}},
		Devices: []result.Count{{Name: "cuda:0", N: 28100}, {Name: "cpu", N: 1546}},
		Verify:  result.Verify{Source: "golden.jsonl", Checked: 29646, Fraction: 1, Tolerance: "1e-05 + 0.0001 |x|"},
		Thresholds: []result.Threshold{
			{Expression: "p99<10ms", Value: "6.10 ms", Pass: true}, {Expression: "wrong==0", Value: "0", Pass: true}, {Expression: "achieved>=99%", Value: "100 %", Pass: true},
		},
		Exit: result.Exit{Code: 0, Reason: "everything held"},
	}
	refusals := clock(369, 0.3, 0.2)
	r.Refusals = &refusals
	r.Resources = &result.Resources{
		Tool:   result.Process{PID: 4800, Cores: 0.09, CPUPerRequest: 180, RSSMax: 41e6, Threads: 9, FDs: 24, Voluntary: 1900, Involuntary: 12, PacerCores: 0.07, GCPauseMax: 0.2, RunQueueShare: 0.004, RunQueueP99: 0.05},
		Target: &result.Process{PID: 4711, Cores: 0.71, CPUPerRequest: 1437, RSSMax: 212e6, PSSMax: 201e6, Threads: 17, FDs: 40, Voluntary: 5200, Involuntary: 130},
		Host:   result.Host{Steal: 0.001, Busy: 0.43, CPUPressure: 0.02},
		Metrics: &result.Metrics{
			Source: "sluice", Accepted: 30018, Answered: 30015, Sheds: 369, Spills: 1546, BatchMean: 3.4, QueueMax: 37, GPUMean: 0.31, GPUMemMax: 3.2e9,
			Devices: []result.Count{{Name: "cuda:0", N: 28100}, {Name: "cpu", N: 1546}},
		},
	}
	r.Series = exampleSeries(60)
	return r
}

// exampleSeries has a burst of load in its middle, with refusals and slow answers.
func exampleSeries(n int) (all []result.Second) {
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // an example, not a secret
	for i := range n {
		noise := func() float64 { return 0.9 + 0.2*random.Float64() }
		burst := math.Exp(-math.Pow(float64(i-n/2)/float64(n)*20, 2))
		offered := int64((500 + 900*burst) * noise())
		rejected := int64(0)
		if burst > 0.5 {
			rejected = int64(200 * burst)
		}
		s := result.Second{
			T: float64(i), Offered: offered, Sent: offered, Good: offered - rejected, InFlight: int64(3 + 25*burst), P50: 2.1 * noise(), P90: 3.7 * noise(),
			P99: (5.9 + 3*burst) * noise(), Max: (8 + 12*burst) * noise() * noise(), Service: (5.5 + 2.5*burst) * noise(), Lag: 0.11 * noise(),
			Outcomes: map[string]int64{"ok": offered - rejected}, Batch: (3 + 6*burst) * noise(), ToolCPU: 0.09 * noise(), TargetCPU: (0.7 + 0.5*burst) * noise(),
			RSS: 200e6 + int64(i)*2e5, GPU: min(0.3*noise()+0.4*burst, 1), Queue: float64(int(30 * burst)), Spills: 90 * burst, Sheds: float64(rejected),
		}
		if rejected > 0 {
			s.Outcomes["rejected"] = rejected
		}
		if i == n-5 {
			s.Outcomes["timeout"] = 2
			s.Outcomes["lost_after_write"] = 1
		}
		all = append(all, s)
	}
	return all
}

// exampleInvalid is a run in which nearly everything is wrong, with texts that try to be markup.
func exampleInvalid() *result.Result {
	r := exampleRun()
	r.Verdict = "INVALID: the load tester was too slow for 20,000/s, and 3 answers are wrong"
	r.Validity = result.Validity{Reasons: []string{
		"the load tester's own lag p99 is 4.20 ms, over the limit of 0.61 ms (10 % of the p99 that is reported): send less, or give it a core of its own",
		"88.0 % of the schedule was sent in time, under the limit of 99 %: the sending thread used 0.97 of a core",
	}}
	r.Load.Expression, r.Load.Achieved, r.Load.Late = "constant:20000", 0.88, 140000
	r.Ledger = result.Ledger{
		Scheduled: 30018, OK: 29600, Wrong: 3, Rejected: 300, ServerErr: 50, Timeout: 20, Refused: 30, FailedBefore: 5, LostAfter: 9, Extra: 1,
		Status: map[string]int64{"200": 29603, "500": 50, "503": 300}, Server: &result.ServerLedger{Accepted: 30000, Answered: 29990, Sent: 30018, Received: 29953},
	}
	r.Verify.Wrong, r.Verify.CrossTalk = 3, 2
	r.Verify.Examples = []string{
		`request 1,204: output <b>"scores"</b>[3] is 0.25, want 0.75 & more`,
		"request 9,001: the answer is that of payload 17\x1b[31m",
	}
	r.Thresholds = append(r.Thresholds, result.Threshold{Expression: "p99<1ms", Value: "6.10 ms"}, result.Threshold{Expression: "err<0.1%", Value: "1.4 %", Abort: true})
	r.Interrupted = true
	r.Resources.Target.Restarted = true
	r.Exit = result.Exit{Code: 12, Reason: "the ledger is not closed"}
	for i := range r.Series {
		r.Series[i].Outcomes["wrong"] = int64(i % 40 / 39)
		r.Series[i].Outcomes["server_err"] = int64(i % 7)
	}
	return r
}

func exampleCapacity() *result.Result {
	r := exampleRun()
	r.Command, r.Verdict = "capacity", "capacity is 1,350/s for p99<10ms,err<0.1%,wrong==0; 1,420/s fails"
	r.Argv = []string{"sluice", "loadtest", "capacity", "localhost:8080", "--slo", "p99<10ms,err<0.1%,wrong==0"}
	r.Response, r.Service, r.Lag, r.PacerLag, r.Refusals = result.Latency{}, result.Latency{}, result.Latency{}, result.Latency{}, nil
	r.Stages, r.Batches, r.Devices, r.Series, r.Thresholds, r.Resources = nil, nil, nil, nil, nil, nil
	r.Load, r.Ledger, r.Verify = result.Load{}, result.Ledger{}, result.Verify{}
	recovery := 1.4
	c := &result.Capacity{Objective: "p99<10ms,err<0.1%,wrong==0", Capacity: 1350, Lo: 1310, Hi: 1385, Upper: 1420, Limit: "the target's CPU: 1.93 of 2 cores", Recovery: &recovery}
	probe := func(phase string, at float64, outcome, why string) {
		over := max(at-1300, 0)
		c.Probes = append(c.Probes, result.Probe{
			Phase: phase, Rate: at, Seed: uint64(len(c.Probes) + 1), Seconds: 20, Outcome: outcome, Why: why, N: int64(20 * at), P50: 1.8 + 600/at*0.3 + over/120,
			P99: 4 + 900/at*0.4 + at/600 + over/20, Good: at - over*0.4, Errors: over / 5000, TargetCPU: min(at/700, 1.97), ToolCPU: at / 12000,
		})
	}
	for _, at := range []float64{100, 150, 225, 338, 506, 759, 1139} {
		probe("grid", at, "pass", "")
	}
	probe("grid", 1709, "fail", "812 of 34,180 requests are over 10 ms, at most 289 may be")
	probe("bisect", 1424, "fail", "401 of 28,480 requests are over 10 ms, at most 238 may be")
	probe("bisect", 1281, "pass", "")
	probe("bisect", 1350, "inconclusive", "260 of 27,000 requests are over 10 ms: too near to 1 % to tell")
	for range 3 {
		probe("confirm", 1350, "pass", "")
	}
	probe("recovery", 712, "pass", "")
	r.Capacity = c
	return r
}

func exampleAB() *result.Result {
	r := exampleRun()
	r.Command, r.Verdict = "ab", "B is slower: p50 is 1.061 times A (1.047 to 1.075); for p99 no difference is shown"
	r.Targets = []result.Target{r.Targets[0], r.Targets[0]}
	r.Targets[1].URL, r.Targets[1].PID, r.Targets[1].Protocol = "http://localhost:9080", 4712, "oip-json"
	r.Thresholds = nil
	r.AB = &result.AB{
		Mode: "block:1s", Blocks: 60, A: clock(14800, 1.4, 2.3), B: clock(14846, 1.5, 2.4), Mirrored: 500, Different: 1,
		Examples: []string{"request 77: output scores[0] is 0.5 from A and 0.25 from B"},
		Metrics: []result.Ratio{
			{Name: "p50", A: 2.09, B: 2.22, Unit: "ms", Ratio: 1.061, Lo: 1.047, Hi: 1.075, AARatio: 0.998, AALo: 0.99, AAHi: 1.006, Verdict: "B is slower", Detectable: 0.014},
			{Name: "p90", A: 3.7, B: 3.9, Unit: "ms", Ratio: 1.054, Lo: 1.01, Hi: 1.1, AARatio: 1.003, AALo: 0.97, AAHi: 1.04, Verdict: "no difference shown", Detectable: 0.06},
			{Name: "p99", A: 6, B: 6.3, Unit: "ms", Ratio: 1.05, Lo: 0.93, Hi: 1.18, AARatio: 1.02, AALo: 0.92, AAHi: 1.12, Verdict: "no difference shown", Detectable: 0.14},
			{Name: "mean", A: 2.4, B: 2.53, Unit: "ms", Ratio: 1.055, Lo: 1.04, Hi: 1.07, AARatio: 1, AALo: 0.99, AAHi: 1.01, Verdict: "B is slower", Detectable: 0.015},
			{Name: "CPU per good answer", A: 1437, B: 1690, Unit: "µs", Ratio: 1.176, Lo: 1.16, Hi: 1.19, AARatio: 1.001, AALo: 0.99, AAHi: 1.012, Verdict: "B is slower", Detectable: 0.012},
		},
	}
	return r
}

// exampleEmpty is what is left of a run that got nowhere.
func exampleEmpty() *result.Result {
	return &result.Result{Schema: result.Schema, Command: "run", Verdict: "the target is not ready", Exit: result.Exit{Code: 3, Reason: "the target is not ready"}}
}

// exampleBroken has no number where numbers belong, zero rates, a single sample and a single second.
func exampleBroken() *result.Result {
	nan, inf := math.NaN(), math.Inf(1)
	r := exampleAB()
	r.Load.Offered, r.Load.Sent, r.Load.Good, r.Load.Achieved = 0, nan, inf, nan
	r.Response = result.Latency{N: 1, Mean: nan, Max: inf, Quantiles: []result.Quantile{{Q: 0.5, Ms: nan, Lo: inf, Hi: nan}}, Spectrum: []result.Point{{X: 1, Y: 5}, {X: nan, Y: inf}, {X: 0, Y: 1}}}
	r.Service = result.Latency{}
	r.Stages = []result.Stage{{Name: "queue", Mean: nan, P50: inf, P99: -1}, {Name: "run"}}
	r.Series = []result.Second{{T: nan, P50: nan, P99: inf, GPU: nan, ToolCPU: inf, RSS: -1}}
	r.Resources.Tool.Cores, r.Resources.Tool.Voluntary, r.Resources.Host.Busy = nan, inf, nan
	r.Resources.Metrics.BatchMean, r.Resources.Metrics.GPUMean = nan, inf
	r.Verify.Fraction = nan
	r.Capacity = &result.Capacity{Objective: "p99<", Probes: []result.Probe{{Rate: 0, P50: nan, P99: inf, Errors: nan}, {}}}
	r.AB.Metrics = []result.Ratio{{Name: "p50", A: nan, B: inf, Ratio: nan, Lo: inf, Hi: nan, Verdict: "no difference shown", Detectable: nan}, {}}
	r.AB.A, r.AB.B = result.Latency{}, r.Response
	r.Batches = []result.Count{{Name: "many", N: 3}, {Name: "0", N: 0}}
	return r
}

// examples are all kinds of results, by name.
func examples() map[string]*result.Result {
	return map[string]*result.Result{
		"run": exampleRun(), "invalid": exampleInvalid(), "capacity": exampleCapacity(), "ab": exampleAB(), "empty": exampleEmpty(), "broken": exampleBroken(),
	}
}

func exampleFaster() *result.Result {
	r := exampleRun()
	r.Start, r.Targets[0].Version, r.Verdict = "2026-11-25T13:00:00Z", "4", "p99 is 5.08 ms (4.88 to 5.33) at 500/s"
	r.Response, r.Service = clock(29646, 1.2, 1.94), clock(29646, 1.1, 1.8)
	r.Resources.Target.Cores = 0.66
	return r
}

func exampleThird() *result.Result {
	r := exampleInvalid()
	r.Start = "2026-11-25T14:00:00Z"
	r.Targets[0].Model = fmt.Sprintf("resnet%d", 50)
	return r
}
