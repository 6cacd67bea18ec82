package verify

import (
	"bytes"
	"fmt"

	"sluice/internal/agree"
	"sluice/internal/http1"
	"sluice/loadtest/engine"
	"sluice/loadtest/payload"
)

// checkTensors compares an answer by its values, after its bytes were found to be new.
func (c *Checker) checkTensors(a *engine.Answer, tagged bool) engine.Verdict {
	if err := readBody(a.Head, a.Body, &c.answer); err != nil {
		return c.wrongValue(a, func() string { return err.Error() })
	}
	if !tagged {
		c.versions.named(c.answer.Version)
	}
	if c.identified[a.Variant] {
		id, ok := parseIdentity(c.answer.ID)
		switch {
		case len(c.answer.ID) == 0 && c.expected.Echo:
			return c.wrongValue(a, func() string { return "the answer has no id, and this target was seen to repeat them" })
		case len(c.answer.ID) == 0:
		case !ok || len(c.answer.ID) != payload.IdentityLength:
			return c.wrongValue(a, func() string {
				return fmt.Sprintf("the answer has the id %.40q, which is no request's", c.answer.ID)
			})
		case id != a.ID:
			return c.strayAnswer(a, id)
		}
	}
	if text := c.otherType(a); text != "" {
		return c.wrongValue(a, func() string { return text })
	}
	d := c.judge.compare(c.expected.Rows[a.Variant].Outputs, c.answer.Outputs)
	if d.Kind == agree.None {
		c.remember(a, c.answer.Version)
		return engine.Verdict{Kind: engine.Right}
	}
	return c.mismatch(a, d)
}

// mismatch is what an answer with other values is. It is a function of its own so that only wrong
// answers cost the memory of a difference.
func (c *Checker) mismatch(a *engine.Answer, d agree.Difference) engine.Verdict {
	return c.otherOrWrong(a, d.String, func(v int) bool {
		return c.judge.compare(c.expected.Rows[v].Outputs, c.answer.Outputs).Kind == agree.None
	})
}

// otherOrWrong looks for the variant that an answer belongs to.
func (c *Checker) otherOrWrong(a *engine.Answer, why func() string, isOf func(v int) bool) engine.Verdict {
	for v := range c.expected.Rows {
		if v != a.Variant && isOf(v) {
			c.other.Add(1)
			c.example(a, func() string { return fmt.Sprintf("the answer is that of variant %d: %s", v, why()) })
			return engine.Verdict{Kind: engine.OtherVariant}
		}
	}
	return c.wrongValue(a, why)
}

// checkBody compares an answer that is no tensors.
func (c *Checker) checkBody(a *engine.Answer) engine.Verdict {
	row := &c.expected.Rows[a.Variant]
	if text := c.otherType(a); text != "" {
		return c.wrongValue(a, func() string { return text })
	}
	at := c.parted(a.Variant, a)
	if at < 0 {
		if row.Identity >= 0 && c.protocol == payload.HTTP {
			id, ok := parseIdentity(a.Body[row.Identity : row.Identity+payload.IdentityLength])
			if !ok {
				return c.wrongValue(a, func() string { return "the answer has no identity where it was when it was recorded" })
			}
			if id != a.ID {
				return c.strayAnswer(a, id)
			}
		}
		c.remember(a, nil)
		return engine.Verdict{Kind: engine.Right}
	}
	why := func() string {
		return fmt.Sprintf("byte %d of the body begins %q, expected %q", at, around(a.Body, at), around(row.Body, at))
	}
	return c.otherOrWrong(a, why, func(v int) bool { return c.parted(v, a) < 0 })
}

// parted is where an answer's body leaves that of a variant; -1 if it does not.
func (c *Checker) parted(v int, a *engine.Answer) int {
	row := &c.expected.Rows[v]
	return c.judge.parted(&body{text: row.Body, identity: row.Identity}, a.Body, c.protocol)
}

// otherType says in words that an answer's content type is another one than the recorded
// answer's; "" if it is the same, or nothing was recorded.
func (c *Checker) otherType(a *engine.Answer) string {
	if c.expected.proven == nil {
		return ""
	}
	want := c.expected.proven[a.Variant].typed
	_, want, _ = bytes.Cut(want, []byte{':'})
	got := http1.Field(a.Head, "content-type")
	if bytes.EqualFold(mime(got), mime(want)) {
		return ""
	}
	return fmt.Sprintf("the answer's content type is %.60q, and was %.60q when it was recorded", got, bytes.TrimSpace(want))
}

// remember keeps the bytes of a right answer, in the memory of an older one if there are
// enough already.
func (c *Checker) remember(a *engine.Answer, version []byte) {
	k := &c.known[a.Variant]
	if c.proven+len(a.Body) > maxProven {
		return
	}
	at := -1
	for i := range k.bodies {
		if k.bodies[i].same(a.Body) { // it came with another head
			at = i
		}
	}
	if at < 0 {
		if len(k.bodies) < provenBodies {
			k.bodies = append(k.bodies, body{})
			at = len(k.bodies) - 1
		} else {
			at = k.next
			k.next = (k.next + 1) % provenBodies
		}
	}
	b := &k.bodies[at]
	c.proven += len(a.Body) - len(b.text)
	b.text = append(b.text[:0], a.Body...)
	b.typed = append(b.typed[:0], http1.FieldLine(a.Head, "content-type")...)
	b.identity = -1
	if c.identified[a.Variant] {
		digits := engine.Digits(a.ID)
		b.identity = bytes.Index(a.Body, digits[:])
	}
	b.version = append(b.version[:0], version...)
}

func (c *Checker) strayAnswer(a *engine.Answer, id uint64) engine.Verdict {
	c.stray.Add(1)
	c.example(a, func() string {
		return fmt.Sprintf("the answer bears the identity %016x, the request's own is %016x", id, a.ID)
	})
	return engine.Verdict{Kind: engine.Stray, ID: id}
}

func (c *Checker) wrongValue(a *engine.Answer, why func() string) engine.Verdict {
	c.wrong.Add(1)
	c.example(a, why)
	return engine.Verdict{Kind: engine.WrongValue}
}

// example keeps the first few wrong answers as sentences.
func (c *Checker) example(a *engine.Answer, why func() string) {
	c.mu.Lock()
	full := len(c.mu.examples) >= maxExamples
	c.mu.Unlock()
	if full {
		return
	}
	text := fmt.Sprintf("variant %d%s: %s", a.Variant, c.otherVersion(a), why())
	c.mu.Lock()
	c.mu.examples = append(c.mu.examples, text)
	c.mu.Unlock()
}

// otherVersion says that an answer is another version's than those that are known: after a
// reload of other weights that is why it is wrong.
func (c *Checker) otherVersion(a *engine.Answer) string {
	tag := http1.Field(a.Head, tagHeader)
	if tag == nil || c.expected.Version == "" {
		return ""
	}
	_, version, digest := parseTag(string(tag))
	if version == c.expected.Version && digest == c.expected.Digest {
		return ""
	}
	return fmt.Sprintf(", answered by version %s, where the known answers are of version %s", versionName(version, digest), versionName(c.expected.Version, c.expected.Digest))
}
