package loadtest

import (
	"time"

	"sluice/loadtest/payload"
	"sluice/loadtest/result"
	"sluice/loadtest/verify"
)

// Target is a server and what to ask of it.
type Target struct {
	// URL is host:port, or a URL with http.
	URL string
	// Model is its name; "" is the only one that the server has. Version "" leaves it to the server.
	Model, Version string
	// Template is a file with a plain HTTP request instead of a model.
	Template string
	// Payload says what is sent.
	Payload payload.Options
	// PID is the target's process, for its CPU time and memory; 0 looks for the process that
	// listens there, below 0 does not look.
	PID int
	// Metrics is the URL of its Prometheus metrics; "" looks for Sluice's, "none" does not look.
	Metrics string
	// Expect is a file of known answers, as Record writes it; "" has the target say them before
	// the load begins.
	Expect string
}

// Options are what all tests have in common. The zero value of each field has a meaning.
type Options struct {
	Target Target
	// Seed of all that is drawn.
	Seed uint64
	// Connections at most; 0 opens as many as are needed.
	Connections int
	// Timeout is the patience with a request, from its intended start; 0 is 10 s.
	Timeout time.Duration
	// Within is what an answer must take at most to be in time; 0 sets no such limit.
	Within time.Duration
	// Unverified leaves answers uncompared. Verify says how they are compared.
	Unverified bool
	Verify     verify.Options
	// CPU is the core of the sending thread, as a number from 1; 0 is any.
	CPU int
	// RealTime asks for real-time priority for the sending thread.
	RealTime bool
	// NoSpin keeps that thread from looking at the clock without sleep before a request: it is then
	// late by what a waking takes, and leaves the core to a target that shares it.
	NoSpin bool
	// Gather is how much later than it should that thread may send a request to save CPU time, where
	// requests are so close together that it does not look at the clock. 0 is DefaultGather, below 0
	// is not at all.
	Gather time.Duration
	// Awake keeps the cores of this machine from sleeping during a run, the target's too. It takes
	// a system that lets this process do so.
	Awake bool
	// OwnTarget says that a target on another machine is the caller's to load.
	OwnTarget bool
	// View is told what happens; nil is none.
	View View
	// Tool and Argv are kept in the result.
	Tool string
	Argv []string
}

// RunOptions are those of a single run.
type RunOptions struct {
	Options
	// Load is an expression; see traffic.Parse.
	Load string
	// Length is measured, after Warmup. 0 is as long as the load itself lasts, or 30 s.
	Length, Warmup time.Duration
	// Quantiles beside the usual ones.
	Quantiles []float64
	// Thresholds are held against the result, Aborts against the run as it goes on.
	Thresholds, Aborts []result.Condition
}
