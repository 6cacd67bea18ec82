package accesslog

import (
	"net/netip"
	"time"

	"sluice/internal/clock"
)

// Why is the reason for which a request is written.
type Why uint8

// The reasons, in the order in which they are looked for.
const (
	No      Why = iota // it is not written
	Sampled            // by chance
	Refused            // a status of 400 to 499
	Failed             // a status of 500 and above
	Late               // answered after its deadline
	Slow               // took more than Options.Slow of its budget
	Slowest            // of its second
	whys
)

var whyNames = [whys]string{Sampled: "sample", Refused: "refused", Failed: "failed", Late: "late", Slow: "slow", Slowest: "slowest"}

// How much of what a client has sent is written, in bytes.
const (
	MaxID     = 128
	MaxPath   = 256
	maxMethod = 24 // the gateway takes no longer one
)

// Entry is what is known of a request that has ended. Strings are kept: they must not be views of
// buffers. What a request did not get to is zero, and its line leaves it out.
type Entry struct {
	Why     Why
	Arrived clock.Instant
	Peer    netip.AddrPort
	Status  int
	Code    string // of the fault

	// Of a request that reached a model.
	Model, Version             string
	Device, Reason             string
	Rows, Batch                int
	Budget                     time.Duration
	Decode, Queue, Run, Encode time.Duration
	Late                       bool
	Total                      time.Duration // from its arrival
	BytesIn, BytesOut          int           // of bodies, on the wire
	skipped                    uint64
	id, method, path           uint16 // lengths in text
	text                       [MaxID + maxMethod + MaxPath]byte
}

// Describe copies what the client has sent, up to the lengths above. It is called once.
func (e *Entry) Describe(id, method, path []byte) {
	n := 0
	put := func(b []byte, most int) uint16 {
		k := copy(e.text[n:n+most], b)
		n += k
		return uint16(k)
	}
	e.id = put(id, MaxID)
	e.method = put(method, maxMethod)
	e.path = put(path, MaxPath)
}
