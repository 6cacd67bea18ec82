// Package result is what a load test finds, as data: the versioned JSON schema that reports
// are made from, with the rules that turn figures into a verdict and an exit status. It owns
// no state and does no I/O; the load tester fills it in, reports and thresholds read it.
package result

// Schema is the version of the JSON form.
const Schema = "sluice-loadtest/1"

// Result is one run. Latencies are in milliseconds, rates in requests per second, times in
// seconds from the start of the measured window, unless a name says otherwise.
type Result struct {
	Schema string `json:"schema"`
	// Command is run, capacity, ab or replay.
	Command string `json:"command"`
	// Verdict is the sentence on top of every report.
	Verdict string   `json:"verdict"`
	Argv    []string `json:"argv,omitempty"`
	// Start is the wall-clock time of the measured window's start, RFC 3339.
	Start       string   `json:"start"`
	Interrupted bool     `json:"interrupted,omitempty"`
	Env         Env      `json:"env"`
	Targets     []Target `json:"targets"`
	Load        Load     `json:"load"`
	Validity    Validity `json:"validity"`
	Ledger      Ledger   `json:"ledger"`

	// Response counts from the intended start, Service from the last byte written; Lag is
	// the difference, PacerLag the generator's own part of it. Of answers with status 200
	// that are right, except the lags, which are of all that was sent.
	Response Latency `json:"response"`
	Service  Latency `json:"service"`
	Lag      Latency `json:"lag"`
	PacerLag Latency `json:"pacer_lag"`
	// Every is the response latency of every scheduled request, one without a right answer being
	// slower than any: a quantile that lies among those is not in Quantiles. Mean, minimum and
	// maximum are those of right answers. It has no spectrum and no histogram.
	Every Latency `json:"every"`
	// Refusals are the response times of answers 429 and 503; nil without one.
	Refusals *Latency `json:"refusals,omitempty"`
	// Stages are where the mean and the tail of the response latency go, in the order of
	// the flow; they add up.
	Stages []Stage `json:"stages,omitempty"`
	// Batches counts answers by the rows of the batch that they ran in; Devices by device.
	Batches []Count `json:"batches,omitempty"`
	Devices []Count `json:"devices,omitempty"`

	Series     []Second    `json:"series"`
	Resources  *Resources  `json:"resources,omitempty"`
	Verify     Verify      `json:"verify"`
	Thresholds []Threshold `json:"thresholds,omitempty"`
	Capacity   *Capacity   `json:"capacity,omitempty"`
	AB         *AB         `json:"ab,omitempty"`
	// Exit is the exit status of the run and why it is that.
	Exit Exit `json:"exit"`
}

// Env is the machine and the tool.
type Env struct {
	Tool     string `json:"tool"` // version
	CPU      string `json:"cpu"`
	Cores    int    `json:"cores"`
	Governor string `json:"governor,omitempty"`
	Kernel   string `json:"kernel"`
	// CPULimit is the cgroup's, in cores; 0 without one.
	CPULimit    float64 `json:"cpu_limit,omitempty"`
	MemoryLimit int64   `json:"memory_limit_bytes,omitempty"`
	// Awake says that the cores were kept from sleeping.
	Awake bool `json:"awake,omitempty"`
	// SameHost says that the target shares this machine: absolute peaks are then not its own.
	SameHost bool `json:"same_host"`
}

// Target is what was asked.
type Target struct {
	URL      string `json:"url"`
	Protocol string `json:"protocol"` // oip-json, oip-binary, v1, http
	Model    string `json:"model,omitempty"`
	Version  string `json:"version,omitempty"`
	// Digest is the model's identity, as the server's answers name it.
	Digest string `json:"digest,omitempty"`
	Server string `json:"server,omitempty"` // name and version, as its metadata says
	PID    int    `json:"pid,omitempty"`
	// Inputs say what was sent: name, type, shape, source.
	Inputs []string `json:"inputs,omitempty"`
	// Versions are those that answered, if more than one did.
	Versions []Count `json:"versions,omitempty"`
}

// Load is what was sent.
type Load struct {
	Expression string  `json:"expression"`
	Seed       uint64  `json:"seed"`
	SHA256     string  `json:"schedule_sha256,omitempty"` // of the arrivals; none in a closed loop
	Duration   float64 `json:"duration_s"`                // measured
	Warmup     float64 `json:"warmup_s"`                  // before it, and left out
	Closed     bool    `json:"closed,omitempty"`
	Conns      int     `json:"connections"` // opened at most at once
	Variants   int     `json:"variants"`
	Offered    float64 `json:"offered_per_s"` // as scheduled
	Sent       float64 `json:"sent_per_s"`
	Good       float64 `json:"good_per_s"` // 200 and right
	// InTime are good answers per second that took no more than Within, in ms, from the intended
	// start; 0 if no such limit was set.
	Within float64 `json:"within_ms,omitempty"`
	InTime float64 `json:"in_time_per_s,omitempty"`
	// Achieved is the part of what was scheduled that was sent within the window, from 0 to 1.
	Achieved float64 `json:"achieved"`
	// Late counts requests that were written more than a millisecond after their instant.
	Late int64 `json:"late"`
}

// Validity says whether the figures are about the target at all.
type Validity struct {
	Valid bool `json:"valid"`
	// Reasons are sentences, each with what was measured and the limit.
	Reasons []string `json:"reasons,omitempty"`
}

// Ledger accounts for every scheduled request of the measured window.
type Ledger struct {
	Scheduled    int64 `json:"scheduled"`
	OK           int64 `json:"ok"`
	Rejected     int64 `json:"rejected"`
	ClientErr    int64 `json:"client_err"`
	ServerErr    int64 `json:"server_err"`
	Timeout      int64 `json:"timeout"`
	Refused      int64 `json:"refused"`
	FailedBefore int64 `json:"failed_before_write"`
	LostAfter    int64 `json:"lost_after_write"`
	Wrong        int64 `json:"wrong"`
	// Extra counts answers that nobody was waiting for.
	Extra int64 `json:"extra"`
	// Reopened counts connections that the server closed and that were opened again.
	Reopened int64 `json:"reopened"`
	// Status counts answers by status code.
	Status map[string]int64 `json:"status"`
	Closed bool             `json:"closed"`
	// Server is what the target's own counters say of the same time; nil if it has none.
	Server *ServerLedger `json:"server,omitempty"`
}

// ServerLedger is what the target counted from before the first request to after the last,
// the warm-up included; Sent and Answered are the tool's own counts of the same time.
type ServerLedger struct {
	Accepted int64 `json:"accepted"`
	Answered int64 `json:"answered"`
	Sent     int64 `json:"sent"`
	Received int64 `json:"received"`
	Agrees   bool  `json:"agrees"`
}

// Latency sums up one clock.
type Latency struct {
	N    int64   `json:"n"`
	Mean float64 `json:"mean_ms"`
	Min  float64 `json:"min_ms"`
	Max  float64 `json:"max_ms"`
	// Quantiles by part (0.5, 0.99, ...), ascending; one for which there are too few samples is not there.
	Quantiles []Quantile `json:"quantiles"`
	// Refused names quantiles that were asked for and are not given, with the samples that they need.
	Refused []Refusal `json:"refused,omitempty"`
	// Spectrum is the whole curve, for plots.
	Spectrum []Point `json:"spectrum,omitempty"`
	// HDR is the histogram in HdrHistogram's compressed V2 form, base64, in microseconds.
	HDR string `json:"hdr_b64,omitempty"`
	// Clamped counts samples above the histogram's range, which it holds as its highest value.
	Clamped int64 `json:"hdr_clamped,omitempty"`
}

// Quantile is a latency that a part of the requests stays below, with a 95 % confidence
// interval from a bootstrap over blocks of a second; Lo and Hi are 0 if there are too few blocks.
type Quantile struct {
	Q  float64 `json:"q"`
	Ms float64 `json:"ms"`
	Lo float64 `json:"lo_ms,omitempty"`
	Hi float64 `json:"hi_ms,omitempty"`
}

// Refusal is a quantile that so few samples cannot give.
type Refusal struct {
	Q    float64 `json:"q"`
	Need int64   `json:"need"`
}

// Point is a point of a curve.
type Point struct {
	X float64 `json:"x"`
	Y float64 `json:"y"`
}

// At returns the quantile for a part and whether it is given.
func (l *Latency) At(q float64) (Quantile, bool) {
	for _, v := range l.Quantiles {
		if v.Q == q {
			return v, true
		}
	}
	return Quantile{}, false
}

// Needs returns how many samples a quantile takes that was asked for and is refused.
func (l *Latency) Needs(q float64) (need int64, refused bool) {
	for _, v := range l.Refused {
		if v.Q == q {
			return v.Need, true
		}
	}
	return 0, false
}

// Stage is a part of the response latency.
type Stage struct {
	// Name is lag, client queue, network+parse, decode, queue, run, encode or unexplained; of a
	// server that tells no stages, network+server stands for the five in the middle.
	Name string  `json:"name"`
	Mean float64 `json:"mean_ms"`
	P50  float64 `json:"p50_ms"`
	P99  float64 `json:"p99_ms"` // 0 where the response latency's p99 is refused
}

// Count is how often something was seen.
type Count struct {
	Name string `json:"name"`
	N    int64  `json:"n"`
}

// Second is one second of the run. Requests belong to the second in which they were meant
// to be sent, answers too.
type Second struct {
	T        float64 `json:"t"`
	Offered  int64   `json:"offered"`
	Sent     int64   `json:"sent"`
	Good     int64   `json:"good"`
	InFlight int64   `json:"inflight"` // at the end of the second
	P50      float64 `json:"p50"`
	P90      float64 `json:"p90"`
	P99      float64 `json:"p99"`
	Max      float64 `json:"max"`
	// Every is as that of a result, at EveryQuantiles; 0 where too few answers were right.
	Every   [3]float64 `json:"every"`
	Service float64    `json:"service_p99"`
	Lag     float64    `json:"lag_p99"`
	// Outcomes counts by outcome name; those that are 0 are left out.
	Outcomes map[string]int64 `json:"outcomes,omitempty"`
	Batch    float64          `json:"batch_mean,omitempty"`
	// What follows is of the resources at that time; 0 where it is not known.
	ToolCPU   float64 `json:"cpu_tool,omitempty"`   // cores
	TargetCPU float64 `json:"cpu_target,omitempty"` // cores
	RSS       int64   `json:"rss,omitempty"`        // of the target, bytes
	GPU       float64 `json:"gpu,omitempty"`        // utilisation, from 0 to 1
	Queue     float64 `json:"queue,omitempty"`      // requests that wait in the target
	Spills    float64 `json:"spills,omitempty"`     // per second
	Sheds     float64 `json:"sheds,omitempty"`      // per second
}
