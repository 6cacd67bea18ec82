package shadow

// Level is how much of the capacity the live requests needed when a request was mirrored.
type Level uint8

// The levels: below a third, below two thirds, and above.
const (
	Low Level = iota
	Middle
	High
	NumLevels
)

var levelNames = [NumLevels]string{"low", "middle", "high"}

// String is the level's name in metrics and reports.
func (l Level) String() string { return levelNames[l] }

func levelOf(load float64) Level {
	switch {
	case load < 1.0/3:
		return Low
	case load < 2.0/3:
		return Middle
	}
	return High
}

// Reason is why a request that was sampled was not mirrored.
type Reason uint8

// The reasons.
const (
	NotRunning Reason = iota // the candidate's process was not up
	Busy                     // another request was being copied at that moment
	RingRows                 // the ring had no room for its rows
	RingBytes                // the ring had no room for its bytes
	Late                     // it waited too long for its turn, or its values came too late since the candidate was frozen
	Stopped                  // it waited when the comparison ended
	NumReasons
)

var reasonNames = [NumReasons]string{"not_running", "busy", "ring_rows", "ring_bytes", "late", "stopped"}

// String is the reason's name in metrics and reports.
func (r Reason) String() string { return reasonNames[r] }

// Failure is why a candidate gave no answer that could be compared.
type Failure uint8

// The failures.
const (
	Refused  Failure = iota // it answered with an error
	Timeout                 // it did not answer in time, and was ended for it
	Gone                    // its process ended
	BadReply                // its answer could not be read, or was of another version
	NumFailures
)

var failureNames = [NumFailures]string{"error", "timeout", "gone", "malformed"}

// String is the failure's name in metrics, reports and pairs.
func (f Failure) String() string { return failureNames[f] }

// Counts is what came of the sampled requests of a load level: Seen is always the sum of the others.
type Counts struct {
	Seen, Compared, Waiting uint64
	Dropped                 [NumReasons]uint64
	Failed                  [NumFailures]uint64
}

// add adds up the levels.
func (c *Counts) add(o *Counts) {
	c.Seen += o.Seen
	c.Compared += o.Compared
	c.Waiting += o.Waiting
	for i, n := range o.Dropped {
		c.Dropped[i] += n
	}
	for i, n := range o.Failed {
		c.Failed[i] += n
	}
}

// dropped is the sum over the reasons, failed over the failures.
func (c *Counts) dropped() (n uint64) {
	for _, d := range c.Dropped {
		n += d
	}
	return n
}

func (c *Counts) failed() (n uint64) {
	for _, f := range c.Failed {
		n += f
	}
	return n
}
