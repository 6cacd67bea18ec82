package loadtest

import (
	"cmp"
	"context"
	"errors"
	"sort"

	"sluice/loadtest/engine"
	"sluice/loadtest/payload"
	"sluice/loadtest/verify"
)

// part is what is sent to one model of a target. Most targets have one.
type part struct {
	set     *payload.Set
	known   *verify.Expected // nil if answers are not compared
	checker *verify.Checker
	why     string // answers are not compared
	byOther bool   // known are the answers of another target
	digest  string
}

// build prepares the requests of one model, or of a template.
func build(ctx context.Context, target payload.Target, t Target) (p part, err error) {
	if t.Template != "" {
		p.set, err = payload.Template(target, t.Template, t.Payload)
		return p, err
	}
	m, err := t.discover(ctx, t.Model)
	if err != nil {
		return p, err
	}
	p.digest = m.Digest
	p.set, err = payload.Build(m, t.Payload)
	return p, err
}

// discover asks for a model in the protocol that it is to be loaded with.
func (t *Target) discover(ctx context.Context, model string) (*payload.Model, error) {
	if t.Payload.Protocol == payload.V1 {
		return payload.DiscoverV1(ctx, t.URL, model, t.Version)
	}
	return payload.Discover(ctx, t.URL, model, t.Version)
}

// learn finds out the right answers: from a file, from the payloads' own source, or by asking
// the target for each alone, twice.
func (p *part) learn(ctx context.Context, o *Options, t Target) error {
	if o.Unverified {
		p.why = "it was not asked for"
		return nil
	}
	var e *verify.Expected
	var err error
	switch {
	case t.Expect != "":
		var h *payload.Header
		var rows []payload.Row
		if h, rows, err = payload.OpenRows(t.Expect); err == nil {
			e, err = verify.FromRows(p.set, h, rows, t.Expect)
		}
	case len(p.set.Rows) > 0 && (len(p.set.Rows[0].Outputs) > 0 || p.set.Rows[0].Body != nil):
		e, err = verify.FromRows(p.set, p.set.Header, p.set.Rows, t.Payload.Source)
	default:
		e, err = verify.Record(ctx, p.set, o.Verify)
	}
	var unstable *verify.UnstableError
	if errors.As(err, &unstable) {
		p.why = unstable.Error()
		return nil
	}
	if err != nil {
		return err
	}
	p.digest = cmp.Or(p.digest, e.Digest)
	p.expect(e, o)
	return nil
}

// expect compares answers with known ones.
func (p *part) expect(e *verify.Expected, o *Options) {
	p.known, p.checker = e, verify.New(e, p.set, o.Verify)
}

// checkers compare the answers of several models: each has the variants from its first on.
type checkers []span

type span struct {
	first   int
	checker *verify.Checker // nil if answers are not compared
}

// Check implements engine.Checker.
func (all checkers) Check(a *engine.Answer) engine.Verdict {
	c := all[sort.Search(len(all), func(i int) bool { return all[i].first > a.Variant })-1]
	if c.checker == nil {
		return engine.Verdict{}
	}
	a.Variant -= c.first // the answer is the engine's own for this one call
	return c.checker.Check(a)
}
