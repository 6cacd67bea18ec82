package report

import (
	"slices"

	"sluice/loadtest/result"
)

// definition says how a figure is computed.
type definition struct{ Term, Text string }

var general = []definition{
	{"Response", "From the instant at which the schedule says that the request is sent to the last byte of its answer. The schedule is drawn before the run and does not wait for answers, so a target that stops for a second is charged with the wait of every request that was due in that second. Of answers with status 200 that are not wrong."},
	{"Service", "From the last byte of the request being handed to the kernel to the last byte of the answer. It leaves out what a request waited before it was sent, and so looks good when the target stops: many tools report only this."},
	{"Lag", "From the intended instant to the last byte written. The load tester's own part ends when it notices that the request is due; the rest is waiting for a free connection."},
	{"Quantiles", "p99 is the latency that 99 % of the good answers do not exceed, from an HdrHistogram with three digits. One that has too few answers is not given: a p99 needs 459 and a p99.9 needs 4,603, the smallest counts at which the quantile can be told with 99 % confidence (the early-stopping rule of MLPerf LoadGen). In a threshold or objective p99 is of all requests, those without a right answer being slower than any, and ok.p99 is the figure of this report."},
	{"95 % interval", "By bootstrap over blocks of one second, since latencies of neighbouring requests depend on each other. It is about chance within this run and not about other days or machines."},
	{"Spectrum", "The latency for each part of the answers; the horizontal axis is spaced by 1/(1-p), so that each further nine has the same width."},
	{"Offered, sent, good", "Requests per second of the measured window: as scheduled; written; answered with status 200 and not found wrong."},
	{"Achieved", "The part of the schedule that was written within the window."},
	{"Late", "Written more than one millisecond after the intended instant. Late requests are sent at once and in order; none is left out."},
	{"Stages", "The target tells decode, queue, run and encode with its answer (Server-Timing). Lag and the wait for a connection are the load tester's. Network and parse is what lies between the client's clock and the target's; unexplained is what is left of the mean. Of a target that tells nothing, network and server are one."},
	{"Ledger", "Every scheduled request has exactly one end. It is closed if the ends add up to what was scheduled and no answer came that nobody was waiting for."},
	{"Wrong", "Status 200 with values that are not the known ones within the tolerance, or with the answer to another request (cross-talk)."},
	{"Rejected", "Status 429 or 503, or 504 with the code BUDGET_TOO_SHORT: the target says at once that it will not be in time. Rejections have no part in the latencies of good answers."},
	{"Errors", "Requests without a right answer, rejections included: everything in the ledger but ok. Failed is the same without rejections."},
	{"CPU", "User and system time of the process per second of the window, in cores. CPU per request is of those sent for the load tester and of those answered for the target."},
	{"Batch", "Rows of the batch in which a request ran, as its answer says. The mean is over answers, so it is larger than the mean over batches."},
	{"Spilled, shed", "Moved to another device because the preferred one would have been late; refused because no device would have been in time."},
	{"INVALID", "The load tester or its host was the limit: it was late by more than 200 µs and more than a tenth of the p99, came too late for more than 1 % of the schedule, worked for more than 0.8 of a core in its one thread, waited for a core for more than 1 ms, or the hypervisor took more than 2 % of the CPU time. Or the target's process changed, or there are too few samples for what was asked. The figures then say nothing of the target."},
}

var ofCapacity = []definition{
	{"Capacity", "The highest rate at which the objective held in every confirmation, each with a schedule of its own. Upper is the lowest rate that failed. The search goes up a geometric grid from a low rate, since batching can make low rates slower than middle ones, and then halves the gap. The objective's quantile is of all requests: one without a right answer is over its latency, or a target that refuses everything would hold any."},
	{"Pass, fail, inconclusive", "A probe passes or fails if the number of requests over the objective's latency says so at 99 % confidence (binomial test). Else it is prolonged, twice at most, and then inconclusive: noise is not counted as a failure."},
	{"Recovery", "After the first failing rate the load drops to half of it; recovery is the time until the objective holds again."},
}

var ofAB = []definition{
	{"B/A", "The ratio of both targets in one run in which they are asked in turn. Its interval is a bootstrap over the paired blocks' logarithmic ratios."},
	{"A/A", "The same computed for two halves of the time in which only A was asked: what chance alone does in this run. A difference is shown only if B's interval leaves out 1 and reaches beyond that of A/A."},
	{"Detectable", "The smallest difference that the run could have shown. Where no difference is shown, one smaller than that may exist."},
}

var ofComparison = []definition{
	{"Difference", "How far a value is from that of run A, in per cent of A's. Runs that follow each other differ by what else the machine did: of two identical targets the p99 has been seen to differ by half. Compare in one run with ab."},
}

func definitions(r *result.Result) []definition {
	all := general
	if r.Capacity != nil {
		all = slices.Concat(ofCapacity, all)
	}
	if r.AB != nil {
		all = slices.Concat(ofAB, all)
	}
	return all
}
