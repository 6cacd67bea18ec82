package search

import "sluice/loadtest/stats"

// Measured is what a probe found. Counts are of the measured window; a warm-up, which also
// lets the backlog of the probe before it drain, is the probe function's business.
type Measured struct {
	// N counts the scheduled requests, Over those that were not answered rightly within the
	// objective's latency, so all errors and wrong answers are among them.
	N, Over int64
	// Errors counts requests without a right answer, Rejected those of them that the target
	// turned away (429 and 503), Wrong those with a wrong answer.
	Errors, Rejected, Wrong int64
	// Blocks are N and Over by second of intended start. Slow requests come in clusters, so
	// that a count of them says less than as many independent ones would; the blocks tell how
	// much less. Without them each request counts as independent.
	Blocks []Block
	// P50 and P99 are response latencies in ms, for the report.
	P50, P99 float64
	// Good are right answers per second.
	Good float64
	// TargetCPU and ToolCPU are in cores. TargetCores is how many the target may use; 0 if that is not known.
	TargetCPU, TargetCores, ToolCPU float64
	// Valid says that the figures are about the target; Reasons say why they are not.
	Valid   bool
	Reasons []string
}

// Block is a second of a probe.
type Block struct{ N, Over int64 }

// merge adds the measurement of an extension of the same rate. Latencies, rates and cores
// become means weighted by time, for which the number of requests stands at one rate.
func (m Measured) merge(more Measured) Measured {
	if m.N == 0 {
		return more
	}
	w := float64(more.N) / float64(m.N+more.N)
	mean := func(a *float64, b float64) { *a += w * (b - *a) }
	mean(&m.P50, more.P50)
	mean(&m.P99, more.P99)
	mean(&m.Good, more.Good)
	mean(&m.TargetCPU, more.TargetCPU)
	mean(&m.ToolCPU, more.ToolCPU)
	m.TargetCores = max(m.TargetCores, more.TargetCores)
	m.N += more.N
	m.Over += more.Over
	m.Errors += more.Errors
	m.Rejected += more.Rejected
	m.Wrong += more.Wrong
	m.Blocks = append(m.Blocks[:len(m.Blocks):len(m.Blocks)], more.Blocks...)
	return m
}

// designEffect is how many times the variance of the over-count is that of as many
// independent requests, at least 1: the ratio estimator of cluster sampling (Cochran,
// Sampling Techniques, 1977, section 9A). Fewer than four blocks tell nothing.
func (m Measured) designEffect() float64 {
	if len(m.Blocks) < 4 {
		return 1
	}
	var n, over float64
	for _, b := range m.Blocks {
		n += float64(b.N)
		over += float64(b.Over)
	}
	share := over / n
	if n == 0 || share == 0 || share == 1 {
		return 1
	}
	var squares float64
	for _, b := range m.Blocks {
		d := float64(b.Over) - share*float64(b.N)
		squares += d * d
	}
	blocks := float64(len(m.Blocks))
	return max(1, squares*blocks/(blocks-1)/(n*share*(1-share)))
}

// overShare is the share of requests over the objective's latency.
func (m Measured) overShare() float64 { return float64(m.Over) / float64(max(m.N, 1)) }

// overload says that errors show a target which cannot keep up, so that no higher rate can do better.
func (m Measured) overload(errorLimit float64) bool {
	return m.N > 0 && m.Errors > m.Wrong && stats.AtLeast(m.Errors, m.N, errorLimit) <= alpha
}
