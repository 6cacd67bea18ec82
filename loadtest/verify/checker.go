package verify

import (
	"bytes"
	"math"
	"sync"
	"sync/atomic"

	"sluice/internal/oip/client"
	"sluice/loadtest/engine"
	"sluice/loadtest/payload"
	"sluice/loadtest/result"
)

const (
	// provenBodies is how many forms of a variant's right answer are remembered: JSON and
	// two versions of a model during a reload, and one to spare.
	provenBodies = 4
	// maxProven bounds the memory of all of them; beyond it answers are compared by value.
	maxProven = 256 << 20
	// maxExamples is how many wrong answers are put into words.
	maxExamples = 10
)

var _ engine.Checker = (*Checker)(nil)

// Checker compares the answers of one target. Check is for the engine's thread alone, all
// else for anybody at any time.
type Checker struct {
	judge      judge
	expected   *Expected
	protocol   payload.Protocol
	identified []bool // whether a variant's request bears an identity
	known      []variant
	proven     int // bytes of remembered bodies
	due        uint64
	answer     client.Response

	versions versions
	fraction atomic.Uint64 // of the answers, in units of 1/whole
	seen     atomic.Int64
	checked  atomic.Int64
	wrong    atomic.Int64
	other    atomic.Int64
	stray    atomic.Int64

	mu struct {
		sync.Mutex
		examples []string
	}
}

// variant is what is known of a variant's answer as bytes.
type variant struct {
	bodies []body
	next   int // which is replaced next
}

// whole is a fraction of 1.
const whole = 1 << 32

// New makes a checker for what is sent to one target. The expected answers are those of the
// set's variants.
func New(e *Expected, s *payload.Set, o Options) *Checker {
	c := &Checker{judge: o.judge(), expected: e, protocol: s.Protocol, identified: make([]bool, len(e.Rows)), known: make([]variant, len(e.Rows))}
	for v := range e.Rows {
		c.identified[v] = s.Payloads[v].ID >= 0
		if e.proven != nil {
			// A copy: what is remembered is overwritten in time, and the expected answer is not.
			own := e.proven[v]
			own.text, own.typed = bytes.Clone(own.text), bytes.Clone(own.typed)
			c.known[v].bodies = append(make([]body, 0, provenBodies), own)
			c.proven += len(own.text)
		}
	}
	if o.Fraction == 0 {
		o.Fraction = 1
	}
	c.SetFraction(o.Fraction)
	return c
}

// SetFraction changes the part of the answers that is compared from now on; the counts say
// what part it came to.
func (c *Checker) SetFraction(f float64) {
	c.fraction.Store(uint64(math.Round(min(max(f, 0), 1) * whole)))
}

// Counts are what a checker has seen so far. Right is what is left of Checked.
type Counts struct {
	Seen    int64 // answers with status 200
	Checked int64 // of these, compared
	// Wrong are wrong values, Other answers that belong to another variant, Stray those that
	// bear the identity of another request.
	Wrong, Other, Stray int64
}

// Counts returns the counts so far. They are read against the order in which Check writes
// them, so that no part is ever larger than its whole.
func (c *Checker) Counts() (n Counts) {
	n.Wrong, n.Other, n.Stray = c.wrong.Load(), c.other.Load(), c.stray.Load()
	n.Checked = c.checked.Load()
	n.Seen = c.seen.Load()
	return n
}

// Versions counts the answers by the model version that gave them, in the order in which
// they were first seen. Answers that do not tell are not counted.
func (c *Checker) Versions() []result.Count { return c.versions.counts() }

// Report sums up for a result. Wrong are all wrong answers, and CrossTalk those among them
// that belong to another request; whether a stray answer was an extra one the engine knows.
func (c *Checker) Report() result.Verify {
	n := c.Counts()
	r := result.Verify{Source: c.expected.Source, Checked: n.Checked, Wrong: n.Wrong + n.Other + n.Stray, CrossTalk: n.Other + n.Stray, Tolerance: c.judge.String()}
	if n.Seen > 0 {
		r.Fraction = float64(n.Checked) / float64(n.Seen)
	}
	c.mu.Lock()
	r.Examples = append(r.Examples, c.mu.examples...)
	c.mu.Unlock()
	return r
}

// Check implements engine.Checker.
func (c *Checker) Check(a *engine.Answer) engine.Verdict {
	c.seen.Add(1)
	tagged := c.versions.tagged(a.Head)
	c.due += c.fraction.Load()
	if c.due < whole || uint(a.Variant) >= uint(len(c.known)) {
		return engine.Verdict{Kind: engine.Unchecked}
	}
	c.due -= whole
	c.checked.Add(1)
	bodies := c.known[a.Variant].bodies
	for i := range bodies {
		b := &bodies[i]
		if !b.same(a.Body) || !bytes.Contains(a.Head, b.typed) {
			continue
		}
		if b.identity >= 0 {
			id, ok := parseIdentity(a.Body[b.identity : b.identity+payload.IdentityLength])
			if !ok {
				break
			}
			if id != a.ID {
				return c.strayAnswer(a, id)
			}
		}
		if !tagged {
			c.versions.named(b.version)
		}
		return engine.Verdict{Kind: engine.Right}
	}
	if byTensors(c.protocol) {
		return c.checkTensors(a, tagged)
	}
	return c.checkBody(a)
}
