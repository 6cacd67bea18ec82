package engine

import (
	"net/netip"
	"time"
)

// Payload is one prepared HTTP/1.1 request.
type Payload struct {
	// Bytes are the whole request, head and body.
	Bytes []byte
	// ID is where in Bytes the IDLength digits begin that are replaced by the request's own
	// identity; -1 if the protocol has no place for one.
	ID int
}

// IDLength is the length of a request's identity: lower-case hexadecimal digits.
const IDLength = 16

// Target is a server under load.
type Target struct {
	// Addr is where it listens.
	Addr netip.AddrPort
	// Payloads are the variants; an arrival names one by its index.
	Payloads []Payload
	// Checker compares answers; nil compares nothing.
	Checker Checker
}

// Arrival is one planned request.
type Arrival struct {
	// At is the intended instant, from the run's start. Arrivals are sorted by it.
	At      time.Duration
	Variant uint16
	Target  uint8
	// Group is the caller's mark, copied to the sample.
	Group uint8
}

// Answer is a complete answer with status 200. The slices are the engine's: a checker keeps nothing of them.
type Answer struct {
	Variant int
	// ID is the identity that was sent, if the payload has a place for one.
	ID   uint64
	Head []byte
	Body []byte
}

// Verdict is what a checker says of an answer.
type Verdict struct {
	Kind VerdictKind
	// ID is the identity that the answer bears, for Stray.
	ID uint64
}

// VerdictKind is the closed set of verdicts.
type VerdictKind uint8

const (
	// Unchecked: the answer was not compared (sampling, or nothing is known).
	Unchecked VerdictKind = iota
	// Right: the values are those that are known for the variant, and the identity is the request's own.
	Right
	// WrongValue: the answer belongs to no known request.
	WrongValue
	// OtherVariant: the values are the right ones of another variant: cross-talk.
	OtherVariant
	// Stray: the answer bears the identity of another request. The engine knows whether that
	// one has been answered already (the answer is an extra one) or not (cross-talk).
	Stray
)

// Checker compares answers with what is known. The engine's thread calls it for each 200; it
// must not block, and must not allocate for a right answer.
type Checker interface {
	Check(a *Answer) Verdict
}
