package telemetry

import "github.com/prometheus/client_golang/prometheus"

// Comparisons counts live rows of a version that were run again.
type Comparisons struct {
	// Compared rows include the Differed ones, which differed beyond the tolerance. Failed
	// rows could not be run again; Deferred ones had no room when they were due.
	Compared, Differed, Failed, Deferred uint64
	// Worst is the largest difference over what the tolerance allows; infinite where none
	// applies.
	Worst float64
}

// Compared is what a version's live answers were compared with.
type Compared struct {
	Batching Comparisons // the same row alone
	Parity   Comparisons // the same row on another device
	// Alone is set once each request runs by itself because the rows of a batch differed.
	Alone bool
}

// WatchCompared names the function that a scrape asks for the model's comparisons; it must
// not block.
func (m *Model) WatchCompared(compared func() Compared) { m.compared.Store(&compared) }

// comparisonDescs are the series of one kind of comparison.
type comparisonDescs struct{ compared, differed, failed, deferred, worst *prometheus.Desc }

func describeComparisons(prefix, with string) comparisonDescs {
	return comparisonDescs{
		compared: describe(prefix+"_compared_total", "Live rows that were compared with "+with+".", byModel...),
		differed: describe(prefix+"_differed_total", "Live rows that differed from "+with+" beyond the tolerance.", byModel...),
		failed:   describe(prefix+"_failed_total", "Live rows that could not be compared with "+with+".", byModel...),
		deferred: describe(prefix+"_deferred_total", "Comparisons with "+with+" that were put off until a later request.", byModel...),
		worst:    describe(prefix+"_worst_ratio", "Largest difference from "+with+" over what the tolerance allows; above 1 is beyond it.", byModel...),
	}
}

var (
	batchingDescs = describeComparisons("sluice_batching", "the same row's answer alone")
	parityDescs   = describeComparisons("sluice_parity", "the same row's answer on another device")
	descAlone     = describe("sluice_batching_off", "1 once each request of a model runs by itself, because live rows differed from their answers alone.", byModel...)
)

func (m *Model) collectCompared(ch chan<- prometheus.Metric) {
	compared := m.compared.Load()
	if compared == nil {
		return
	}
	all := (*compared)()
	batchingDescs.collect(ch, m, &all.Batching)
	parityDescs.collect(ch, m, &all.Parity)
	gauge(ch, descAlone, bit(all.Alone), m.name, m.version)
}

func (d *comparisonDescs) collect(ch chan<- prometheus.Metric, m *Model, c *Comparisons) {
	counter(ch, d.compared, float64(c.Compared), m.name, m.version)
	counter(ch, d.differed, float64(c.Differed), m.name, m.version)
	counter(ch, d.failed, float64(c.Failed), m.name, m.version)
	counter(ch, d.deferred, float64(c.Deferred), m.name, m.version)
	gauge(ch, d.worst, c.Worst, m.name, m.version)
}
