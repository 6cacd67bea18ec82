package gateway

import (
	"time"

	"sluice/internal/clock"
	"sluice/internal/fault"
	"sluice/internal/oip"
	"sluice/internal/origin"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// Models finds the model versions that can be asked.
type Models interface {
	// Acquire pins a version until its Release; version "" is the live one. It must not
	// allocate and must not keep the strings: they are views of the request's bytes.
	// Its errors are faults: ModelNotFound, VersionNotFound, ModelNotReady.
	Acquire(name, version string) (Model, error)
	// List is every known model version, in the order in which it is to be shown.
	List() []ModelStatus
}

// Model is one pinned model version.
type Model interface {
	Info() *ModelInfo
	// Refusing reports whether the model has lately refused requests, so that Admit is worth
	// asking. It costs next to nothing.
	Refusing() bool
	// Admit is asked before the body is decoded, when the priority is not known yet: a
	// fault (Overloaded, Draining) turns away, at the least cost, what no priority would
	// get in. nil promises nothing; Predict may still refuse. The budget counts from the
	// request's arrival.
	Admit(arrived, deadline clock.Instant) error
	// Predict submits a task and blocks until its one end state, at the latest a little
	// after the task's deadline. Its error is a fault.
	Predict(*task.Task) error
	// Submit is Predict without the blocking, for event loops: after nil the task's Waiter
	// hears of its one end state, and what the task sets going may wait for Options.Run.
	Submit(*task.Task) error
	// Split says how many of the buckets of package unit are those of the version's canary, 0 if it has none. If
	// bucket is one of them, canary is pinned until its Release; it is nil where it can serve no more. A request
	// without a unit has bucket -1.
	Split(bucket int) (share int, canary Model)
	// Ready is nil if a device that runs the version takes work. Its error is a fault that says what
	// keeps each of them from it.
	Ready() error
	// Stats is what the version has done since it was loaded. Every figure only grows.
	Stats() oip.ModelStatistics
	Release()
}

// ModelInfo describes a model version. It does not change once made by NewModelInfo.
type ModelInfo struct {
	Name, Version, Digest string
	// Platform is what runs it; default oip.Platform.
	Platform string
	// Schema is what runs take and give, and what Ended hears of; Client is what requests are held against and what is
	// shown to clients. Default: Schema.
	Schema, Client *tensor.Schema
	// Fill makes the one of the other: see fill.go. It must return at once: GoesOn if the task is complete, Ends with the
	// fault, or Pending. Default: nothing is filled.
	Fill func(*Exchange) (Step, error)
	// Columns are those of the inputs that Fill fills.
	Columns []origin.Column
	// Ladder is what answers where Fill has found too little (Filled.Below): see ladder.go. Default: nothing does.
	Ladder []Rung
	// Budget is the time that a request has when it names none; 0 means 100 ms.
	Budget time.Duration
	// NullNonFinite is the form of answers to requests that do not name one: null for NaN and
	// the infinities in JSON, and not the bare words.
	NullNonFinite bool
	// Coupled is set if rows that share a run may change each other; every answer says so.
	Coupled bool
	// Unit is the input whose rows name the unit of a request; empty if none does.
	Unit string
	// Versions lists the versions that are ready, ascending; nil means Version alone.
	Versions func() []string
	// Notes are shown as parameters of the model's configuration, such as how its rows share
	// runs and what shows that they may. They are asked for at each view, so they may change;
	// nil means none.
	Notes func() map[string]string

	tag  []byte
	unit int // the number of the input Unit; -1 if there is none
}

const defaultBudget = 100 * time.Millisecond

// NewModelInfo completes a description with what would otherwise be built per request.
func NewModelInfo(m ModelInfo) *ModelInfo {
	if m.Budget <= 0 {
		m.Budget = defaultBudget
	}
	if m.Platform == "" {
		m.Platform = oip.Platform
	}
	if m.Versions == nil {
		m.Versions = func() []string { return []string{m.Version} }
	}
	m.unit = -1
	if m.Schema != nil {
		m.Schema = m.Schema.Indexed()
		if m.Client == nil {
			m.Client = m.Schema
		}
		if m.Unit != "" {
			m.unit = m.Client.Input([]byte(m.Unit))
		}
	}
	m.tag = append(m.tag[:0:0], m.Name...)
	m.tag = append(append(m.tag, ";version="...), m.Version...)
	if m.Digest != "" {
		m.tag = append(append(m.tag, ";digest="...), m.Digest...)
	}
	return &m
}

// Tag names the version in one word: name, version, digest.
func (m *ModelInfo) Tag() []byte { return m.tag }

// ModelStatus is one line of the repository index. Version and State are empty for a
// model that was never loaded.
type ModelStatus struct {
	Name, Version string
	// State is one of oip's states, such as oip.StateReady.
	State string
	// Reason says why it is not ready, in one sentence for the caller.
	Reason string
	// Unpinned marks a ready version of whose files no digests are written down.
	Unpinned bool
	// Stats reports a ready version's statistics; nil when there are none.
	Stats func() oip.ModelStatistics
}

// Outcome is the account of one request that reached a model.
type Outcome struct {
	Decode, Encode time.Duration
	// Trace is the scheduler's account; zero if the request never got there.
	Trace task.Trace
	Rows  int
	// Budget is the time that the request had; zero if it was refused before that was known.
	Budget time.Duration
	// Late says that the answer was ready only after the deadline, Overran that it was ready before, and
	// handed to the kernel after it.
	Late, Overran bool
	// Fault is fault.None for an answered request.
	Fault         fault.Kind
	Total         time.Duration
	RequestBytes  int
	ResponseBytes int
}
