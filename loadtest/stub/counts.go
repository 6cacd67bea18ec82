package stub

import (
	"maps"
	"slices"
	"strconv"
)

// MaxIDs is the most identities that are kept of a kind of fault.
const MaxIDs = 1000

// Counts is what the server did. Requests are infer requests that were read whole.
type Counts struct {
	Connections int64 `json:"connections"` // accepted
	Accepted    int64 `json:"accepted"`    // requests
	Answered    int64 `json:"answered"`    // answers, of any status, that the kernel took whole
	// Status counts them by status.
	Status map[int]int64 `json:"status"`
	// Bad are requests that got 400 because of what they are, Limited those that got 429 because
	// of the limit of the queue, and Drawn those that got a status by chance.
	Bad     int64 `json:"bad"`
	Limited int64 `json:"limited"`
	Drawn   int64 `json:"drawn"`
	// Malformed are heads that are not HTTP as it is spoken here. They are no requests.
	Malformed int64 `json:"malformed"`
	// Gone are requests whose connection the client ended before the answer.
	Gone     int64 `json:"gone"`
	InFlight int64 `json:"in_flight"`

	Closed    Fault `json:"closed"` // by chance
	Lost      Fault `json:"lost"`
	Dropped   Fault `json:"dropped"`
	Corrupted Fault `json:"corrupted"`
	Repeated  Fault `json:"repeated"`
	// Swapped counts pairs; it has the identities of both, one after the other.
	Swapped Fault `json:"swapped"`
	// Unpaired are answers that waited for a partner in vain and were given rightly.
	Unpaired int64 `json:"unpaired"`
}

// Fault is how often a fault was done, and to whom.
type Fault struct {
	N int64 `json:"n"`
	// IDs are the first identities: the request's id, or #7 for the seventh request if it had none.
	IDs []string `json:"ids,omitempty"`
}

func (f *Fault) add(n int64, ids ...string) {
	f.N += n
	if len(f.IDs)+len(ids) <= MaxIDs {
		f.IDs = append(f.IDs, ids...)
	}
}

// identity names a request that had a fault.
func identity(id []byte, number int64) string {
	if len(id) > 0 {
		return string(id)
	}
	return "#" + strconv.FormatInt(number, 10)
}

// clone is a copy that the thread does not write to.
func (c *Counts) clone() Counts {
	out := *c
	out.Status = maps.Clone(c.Status)
	for _, f := range []*Fault{&out.Closed, &out.Lost, &out.Dropped, &out.Corrupted, &out.Repeated, &out.Swapped} {
		f.IDs = slices.Clone(f.IDs)
	}
	return out
}
