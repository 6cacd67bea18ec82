package origin

import (
	"bytes"
	"strconv"
)

// Tally counts what became of the stored values of one request. Each row's own counts, and a list counts as one.
type Tally struct {
	// Stored are values of stores, Stale those of them that were older than they may be. Default are those in whose place a default
	// stands, and Late those of them that did not come in time.
	Stored, Default, Stale, Late int
	// Features are the values of each feature.
	Features []FeatureTally
}

// FeatureTally counts the values of one feature, which is named as in answers: INPUT.GROUP:FEATURE.
type FeatureTally struct {
	Name            string
	Stored, Default int
}

// Counts is a value with the status: one that is stored, one that is a default, or one of the request, which is neither.
func (s Status) Counts() (stored, defaulted int) {
	switch s {
	case Present, Cached, Stale:
		return 1, 0
	case Missing, Timeout, Default:
		return 0, 1
	}
	return 0, 0
}

// CountRuns counts the values of a column as an answer tells of them, such as cached*180,missing. It reports false for other text.
func CountRuns(text []byte) (stored, defaulted int, ok bool) {
	for more := true; more; {
		var run []byte
		run, text, more = bytes.Cut(text, []byte(","))
		word, times, several := bytes.Cut(run, []byte("*"))
		n := 1
		if several {
			var err error
			if n, err = strconv.Atoi(string(times)); err != nil || n < 1 || n > mostRun {
				return 0, 0, false
			}
		}
		s, known := parse(word)
		if !known {
			return 0, 0, false
		}
		one, other := s.Counts()
		stored, defaulted = stored+n*one, defaulted+n*other
	}
	return stored, defaulted, true
}

// mostRun is the most values of a run: no request has as many rows.
const mostRun = 1 << 31

// parse is the status of a word.
func parse(word []byte) (Status, bool) {
	for s := Present; s < NumStatuses; s++ {
		if words[s] == string(word) {
			return s, true
		}
	}
	return None, false
}
