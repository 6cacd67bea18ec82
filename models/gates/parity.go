package gates

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sluice/internal/agree"
	"sluice/internal/fault"
	"sluice/internal/task"
	"sluice/internal/units"
	"sluice/models/bundle"
	"sluice/models/inputs"
)

// madeUpParityRows are compared beside golden rows, which are few and alike.
const madeUpParityRows = 16

// parity proves that a request gets the same answer on whichever device it runs: rows run
// alone on this device and on its peers must agree within the tolerance. A device that
// is another's fallback and disagrees is left out; a preferred one stays and says so.
func (p *devicePass) parity(ctx context.Context) (Verdict, error) {
	if len(p.peers) == 0 {
		return Verdict{Outcome: Skipped, Text: "no other device to compare with"}, nil
	}
	var agreed, differ []string
	for _, peer := range p.peers {
		want, got := peer, p
		if p.preferred {
			want, got = p, peer
		}
		text, failure, err := p.agree(ctx, want, got)
		switch {
		case err != nil:
			return Verdict{}, err
		case failure == "":
			agreed = append(agreed, text)
		case !p.preferred && !p.opts.Everywhere:
			return Verdict{}, fmt.Errorf("%s", failure)
		default:
			differ = append(differ, failure)
		}
	}
	if len(differ) > 0 {
		p.disagrees = strings.Join(differ, "; ")
		return Verdict{Outcome: Changed, Text: p.disagrees}, nil
	}
	return Verdict{Outcome: Passed, Text: strings.Join(agreed, "; ")}, nil
}

// agree compares two devices, in failure with what speaks against a fallback.
func (p *devicePass) agree(ctx context.Context, want, got *devicePass) (text, failure string, err error) {
	start := p.stopwatch()
	var worst agree.Worst
	compared := 0
	pair := func(rows []inputs.Request, must bool) error {
		for i := range rows {
			if compared >= 2 && p.expired(start, p.opts.GateLimit/2) || failure != "" {
				return nil
			}
			w, err := want.alone(ctx, &rows[i])
			if err != nil {
				if lost, _ := task.DeviceFailed(err); lost || must || ctx.Err() != nil {
					return err
				}
				return nil // a made-up row that the model does not take
			}
			failure, err = p.compareAlone(ctx, got, &rows[i], w, compared, &worst)
			w.Release()
			if err != nil {
				return err
			}
			compared++
		}
		return nil
	}
	if err := pair(p.ownRows(), true); err != nil {
		return "", "", err
	}
	for _, profile := range inputs.Profiles() {
		if before := compared; len(p.golden) > 0 || len(p.rows) < madeUpParityRows {
			rows := inputs.NewSynthesis(p.bundle.Schema, p.graph.Hints, profile).MakeAll(madeUpParityRows)
			if err := pair(rows, false); err != nil {
				return "", "", err
			}
			if compared > before {
				break
			}
		}
	}
	switch {
	case failure != "":
		return "", fmt.Sprintf("%s differs from %s, %s", got.device.Name, want.device.Name, failure), nil
	case compared == 0:
		return "", fmt.Sprintf("nothing shows that %s agrees with %s: no row is known that the model takes; add a %s", got.device.Name, want.device.Name, bundle.GoldenFile), nil
	}
	return fmt.Sprintf("%s agrees with %s on %s, %s", got.device.Name, want.device.Name, units.Count(compared, "row"), worst.String()), "", nil
}

// compareAlone runs one row and compares it with what the preferred device answered.
func (p *devicePass) compareAlone(ctx context.Context, got *devicePass, row *inputs.Request, want *task.Task, number int, worst *agree.Worst) (failure string, err error) {
	t, err := got.alone(ctx, row)
	if err != nil {
		if lost, _ := task.DeviceFailed(err); lost || ctx.Err() != nil {
			return "", err
		}
		return fmt.Sprintf("row %d fails there: %s", number, fault.Sentence(err)), nil
	}
	defer t.Release()
	var here agree.Worst
	here.AddAll(t.Outputs, want.Outputs, p.bundle.Schema.Batchable(), number, p.bundle.Config.Tolerance)
	if here.Failed() {
		return here.String(), nil
	}
	worst.Join(here)
	return "", nil
}

// ownRows are what the gates before have shown the model to take: the rows of batch
// invariance, or whole requests of a model that cannot batch.
func (p *devicePass) ownRows() []inputs.Request {
	if p.bundle.Schema.Batchable() || len(p.golden) == 0 {
		return p.rows
	}
	var requests []inputs.Request
	for i := range p.golden[:min(len(p.golden), maxTestRows)] {
		requests = append(requests, p.golden[i].Request)
	}
	return requests
}

// summary is the version's verdict on parity, from those of its devices.
func summary(passes []*devicePass, first *devicePass, own *Verdict, c *bundle.Config) Verdict {
	v := Verdict{Gate: "parity", Outcome: Skipped, Text: "the model runs on one device"}
	if c.Fallback == bundle.FallbackNever {
		v.Text = "the model has no fallback"
	} else if len(passes) > 1 {
		v.Text = "no other device is there to compare with " + first.device.Name
	}
	var texts []string
	for _, q := range passes {
		at := slices.IndexFunc(q.about.Gates, func(g Verdict) bool { return g.Gate == "parity" })
		if q == first || at < 0 || q.about.Gates[at].Outcome == Skipped {
			continue
		}
		g := q.about.Gates[at]
		v.Took += g.Took
		switch {
		case g.Outcome != Refused && v.Outcome != Changed:
			v.Outcome = Passed
		case g.Outcome == Refused && q.about.State == LeftOut:
			v.Outcome = Changed
			g.Text = "fallback is switched off: " + g.Text
		}
		texts = append(texts, g.Text)
	}
	if len(texts) > 0 {
		v.Text = strings.Join(texts, "; ")
	}
	v.Took += own.Took
	return v
}
