// Package sample is what is kept of each request of a load test: when it was meant to be
// sent, when it was, when its answer came, and how it ended. It owns the record's form and
// the closed set of outcomes; the engine writes samples, all that reports reads them.
package sample

import "time"

// Outcome is how a request ended. Each scheduled request has exactly one, so that the
// counts of all outcomes add up to what was scheduled: the ledger is closed.
type Outcome uint8

const (
	// None is a request that has not ended yet; at the end of a run there must be none.
	None Outcome = iota
	// OK is a 200 whose answer is right, or was not looked at.
	OK
	// Wrong is a 200 whose answer is not the one that belongs to the request.
	Wrong
	// Rejected is a 429 or 503, or a 504 that says BUDGET_TOO_SHORT: an honest no.
	Rejected
	// ClientError is another 4xx: the request is at fault.
	ClientError
	// ServerError is another 5xx, or an answer that is not HTTP.
	ServerError
	// Timeout is a request without an answer within the tool's patience.
	Timeout
	// Refused is a connection that could not be opened.
	Refused
	// Unsent is a request that was never written: the connection broke before the first byte,
	// or the run ended while it waited for a connection.
	Unsent
	// Lost is a request that was written, at least in part, and whose connection ended
	// before the answer did.
	Lost

	// Outcomes is how many there are.
	Outcomes = int(Lost) + 1
)

var names = [Outcomes]string{"none", "ok", "wrong", "rejected", "client_err", "server_err", "timeout", "refused", "failed_before_write", "lost_after_write"}

// String is the outcome's name in reports.
func (o Outcome) String() string { return names[o] }

// Flags are facts about a sample.
type Flags uint8

const (
	// Verified says that the answer's values were compared with the known ones.
	Verified Flags = 1 << iota
	// CrossTalk says that a wrong answer is the right one of another request.
	CrossTalk
	// Queued says that the request waited in the tool for a free connection.
	Queued
)

// Stages of the server, as told by its Server-Timing header.
const (
	Decode = iota
	Queue
	Run
	Encode
	// Stages is how many there are.
	Stages
)

// StageNames are the metrics of Server-Timing that are kept.
var StageNames = [Stages]string{"decode", "queue", "run", "encode"}

// Sample is one request. Instants are offsets from the run's start.
type Sample struct {
	// Intended is when the schedule says that the request is sent: response latency counts
	// from here. Noticed is when the generator saw that it was due: what lies between is its
	// own fault. Written is when it was handed to the kernel, right before the call that took its
	// last byte; between Noticed and Written a request may wait for a free connection. First and
	// Last are when the kernel got the first and the last bytes of the answer, whenever the
	// generator read them. What did not happen is 0.
	Intended, Noticed, Written, First, Last time.Duration
	// Server are the stages that the server tells of, in microseconds; 0 if it does not.
	Server [Stages]uint32
	// Status is the answer's; 0 without one.
	Status uint16
	// Variant is which of the prepared payloads was sent.
	Variant uint16
	// Batch is the rows of the batch that the request ran in, as the server says; 0 if it does not.
	Batch uint16
	// Target is which target it was sent to; Group is the caller's own mark (a block of an A/B test).
	Target uint8
	Group  uint8
	// Device is an index into the engine's names of devices; 0 is no name.
	Device  uint8
	Outcome Outcome
	Flags   Flags
}

// Response is the headline latency: from the intended start to the last byte.
func (s *Sample) Response() time.Duration { return s.Last - s.Intended }

// Service is the latency as a client sees it that does not know when it should have sent.
func (s *Sample) Service() time.Duration { return s.Last - s.Written }

// Lag is how late the request was written, whosever fault it was.
func (s *Sample) Lag() time.Duration { return s.Written - s.Intended }

// PacerLag is the part of Lag that is the generator's own.
func (s *Sample) PacerLag() time.Duration { return s.Noticed - s.Intended }

// Right says whether the answer came and is not known to be wrong.
func (s *Sample) Right() bool { return s.Outcome == OK }

// Answered says whether a whole HTTP answer came.
func (s *Sample) Answered() bool { return s.Outcome >= OK && s.Outcome <= ServerError && s.Last > 0 }
