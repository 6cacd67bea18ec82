package engine

import (
	"time"

	"sluice/internal/clock"
)

// Progress is how far a run has come.
type Progress struct {
	// Begun says that the first instant has come; Begin is the time of it, on the process's clock.
	Begun bool
	Begin clock.Instant
	// Noticed requests were due, Written ones sent, Ended ones have their outcome.
	Noticed, Written, Ended int64
	// Extra answers came that nobody waited for.
	Extra int64
	// Reopened connections replaced others; Connections were open at once at most.
	Reopened, Connections int64
	// Checking is the time spent on comparing answers, Looking that spent awake with nothing to do,
	// shortly before a request was due.
	Checking, Looking time.Duration
	// CPU is what the engine's thread has used, up to some milliseconds ago.
	CPU time.Duration
	// Stopped is when the run was told to end before its time; 0 if it was not.
	Stopped time.Duration
}
