package result

import "sluice/compare"

// Resources are what the target and the tool used in the measured window.
type Resources struct {
	Tool   Process  `json:"tool"`
	Target *Process `json:"target,omitempty"` // nil if its process is not known
	Host   Host     `json:"host"`
	// Metrics are what the target's metrics say of the window; nil without them.
	Metrics *Metrics `json:"metrics,omitempty"`
}

// Process is what a process used.
type Process struct {
	PID   int     `json:"pid"`
	Cores float64 `json:"cores"` // mean
	// CPUPerRequest is microseconds of CPU per request that was sent (the tool) or answered (the target).
	CPUPerRequest float64 `json:"cpu_us_per_request"`
	RSSMax        int64   `json:"rss_max_bytes"`
	PSSMax        int64   `json:"pss_max_bytes,omitempty"`
	Threads       int     `json:"threads"`
	FDs           int     `json:"fds"`
	// Voluntary and Involuntary are context switches per second.
	Voluntary   float64 `json:"switches_voluntary_per_s"`
	Involuntary float64 `json:"switches_involuntary_per_s"`
	// Restarted says that the process was another one at the end.
	Restarted bool `json:"restarted,omitempty"`
	// What follows is known of the tool only.
	PacerCores float64 `json:"pacer_cores,omitempty"` // of the thread that sends
	GCPauseMax float64 `json:"gc_pause_max_ms,omitempty"`
	// RunQueue is how long the pacer's thread waited for a core, per second the share of it, and
	// RunQueueP99 the 99th percentile of the mean wait per time slice in ms.
	RunQueueShare float64 `json:"run_queue_share,omitempty"`
	RunQueueP99   float64 `json:"run_queue_p99_ms,omitempty"`
}

// Host is the machine that the tool runs on.
type Host struct {
	Steal float64 `json:"steal"` // share of CPU time that the hypervisor took, from 0 to 1
	Busy  float64 `json:"busy"`  // share of all cores
	// CPUPressure is PSI's share of time in which something waited for a core; -1 if not known.
	CPUPressure float64 `json:"cpu_pressure"`
}

// Metrics are differences and means of the target's own metrics over the window.
type Metrics struct {
	Source    string  `json:"source"` // sluice, triton or prometheus
	Accepted  float64 `json:"accepted"`
	Answered  float64 `json:"answered"`
	Sheds     float64 `json:"sheds"`
	Spills    float64 `json:"spills"`
	BatchMean float64 `json:"batch_mean"`
	QueueMax  float64 `json:"queue_max"`
	GPUMean   float64 `json:"gpu_mean"`
	GPUMemMax int64   `json:"gpu_memory_max_bytes"`
	Devices   []Count `json:"devices,omitempty"` // rows by device
}

// Verify is what the comparison of answers found.
type Verify struct {
	// Source is where the known answers come from; "" if answers were not compared, and then Why says why.
	Source string `json:"source,omitempty"`
	Why    string `json:"why,omitempty"`
	// Checked are answers whose values were compared; Fraction is of the 200s.
	Checked  int64   `json:"checked"`
	Fraction float64 `json:"fraction"`
	Wrong    int64   `json:"wrong"`
	// CrossTalk are wrong answers that belong to another request.
	CrossTalk int64  `json:"cross_talk"`
	Tolerance string `json:"tolerance,omitempty"`
	// Examples are the first few, as sentences.
	Examples []string `json:"examples,omitempty"`
}

// Threshold is a condition that the run was held against.
type Threshold struct {
	Expression string `json:"expr"`
	// Value is what was measured, with its unit.
	Value string `json:"value"`
	Pass  bool   `json:"pass"`
	// Abort says that the run was ended because of it.
	Abort bool `json:"abort,omitempty"`
}

// Exit is the exit status.
type Exit struct {
	Code   int    `json:"code"`
	Reason string `json:"reason"`
}

// Capacity is the outcome of a search for the highest rate that holds an objective.
type Capacity struct {
	Objective string `json:"objective"`
	// Capacity is the highest rate that held in each confirmation; 0 if none did.
	Capacity float64 `json:"capacity_per_s"`
	Lo       float64 `json:"lo_per_s"` // 95 % confidence interval, from the confirmations' rates
	Hi       float64 `json:"hi_per_s"`
	// Upper is the lowest rate above the capacity that failed; 0 if none did.
	Upper float64 `json:"upper_per_s"`
	// AtLeast says that no rate above the capacity failed: it is a lower bound.
	AtLeast bool `json:"at_least,omitempty"`
	// Why says how the interval came about, or why there is no capacity.
	Why    string  `json:"why"`
	Probes []Probe `json:"probes"`
	// Limit is the limit that was seen first: target CPU, generator, queue, errors, latency or
	// rate cap; "" if the search ended before it met one.
	Limit string `json:"limit"`
	// Recovery is how long the target took to hold the objective again at half of the first failing rate; nil if not measured.
	Recovery *float64 `json:"recovery_s,omitempty"`
}

// Probe is one rate that was tried.
type Probe struct {
	Phase   string  `json:"phase"` // grid, bisect, confirm or recovery
	Rate    float64 `json:"rate"`
	Seed    uint64  `json:"seed"`
	Seconds float64 `json:"seconds"`
	// Outcome is pass, fail or inconclusive; Why says why in a sentence.
	Outcome   string  `json:"outcome"`
	Why       string  `json:"why"`
	N         int64   `json:"n"`
	Over      int64   `json:"over"` // requests over the objective's latency, errors among them
	P50       float64 `json:"p50_ms"`
	P99       float64 `json:"p99_ms"`
	Good      float64 `json:"good_per_s"`
	Errors    float64 `json:"errors"` // share, from 0 to 1
	TargetCPU float64 `json:"cpu_target"`
	ToolCPU   float64 `json:"cpu_tool"`
}

// AB is the outcome of a comparison of two targets.
type AB struct {
	Mode   string `json:"mode"` // block, request or mirror
	Blocks int    `json:"blocks"`
	// Metrics in the order of reports.
	Metrics []Ratio `json:"metrics"`
	// Failures compares the shares of requests without a right answer; nil if each had one.
	Failures *Difference `json:"failures,omitempty"`
	// Notes are sentences on what was pooled and what could not be compared.
	Notes []string `json:"notes,omitempty"`
	// A and B are the latencies of each side, with the spectrum.
	A Latency `json:"a"`
	B Latency `json:"b"`
	// Answers is what comparing the answers of mirror mode has shown; nil if they are not known as tensors.
	Answers *compare.Report `json:"answers,omitempty"`
	// Mirrored and Different count pairs of answers in mirror mode, and those of which one is not the answer that the target
	// is known to give alone; B is held to A's where Answers is nil.
	Mirrored  int64    `json:"mirrored,omitempty"`
	Different int64    `json:"different,omitempty"`
	Examples  []string `json:"examples,omitempty"`
}

// Ratio compares B with A in one metric.
type Ratio struct {
	Name string  `json:"name"` // p50, p90, p99, mean, cpu per good answer
	A    float64 `json:"a"`
	B    float64 `json:"b"`
	Unit string  `json:"unit"`
	// Ratio is B/A with a 95 % confidence interval.
	Ratio float64 `json:"ratio"`
	Lo    float64 `json:"lo"`
	Hi    float64 `json:"hi"`
	// AARatio compares targets with themselves in the same run: A, and B where it has a part of its own.
	AARatio float64 `json:"aa_ratio"`
	AALo    float64 `json:"aa_lo"`
	AAHi    float64 `json:"aa_hi"`
	// Observations are how many pairs of blocks, pooled if need be, the ratio is the mean of;
	// ControlObservations those of the A/A control. Without an interval AALo and AAHi are 0.
	Observations        int `json:"observations"`
	ControlObservations int `json:"control_observations"`
	// Verdict is "B is slower", "B is faster", "B needs more CPU", "B needs less CPU" or "no difference shown".
	Verdict string `json:"verdict"`
	// Detectable is the smallest difference that the run could have shown, as a share.
	Detectable float64 `json:"detectable"`
}

// Difference compares shares, from 0 to 1, of B with A.
type Difference struct {
	A float64 `json:"a"`
	B float64 `json:"b"`
	// Difference is B - A with a 95 % confidence interval, AADifference that of A with itself.
	Difference   float64 `json:"difference"`
	Lo           float64 `json:"lo"`
	Hi           float64 `json:"hi"`
	AADifference float64 `json:"aa_difference"`
	AALo         float64 `json:"aa_lo"`
	AAHi         float64 `json:"aa_hi"`
	// Verdict is "B fails more often", "B fails less often" or "no difference shown".
	Verdict    string  `json:"verdict"`
	Detectable float64 `json:"detectable"`
}
