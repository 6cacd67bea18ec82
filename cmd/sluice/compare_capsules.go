package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sluice/compare"
	"sluice/compare/criteria"
	"sluice/internal/tensor"
	"sluice/internal/unit"
	"sluice/predlog/replay"
	"sluice/predlog/table"
)

// errEnough ends the reading of rows when the first one is known.
var errEnough = errors.New("enough")

// compareCapsules asks a candidate what was recorded.
func compareCapsules(cmd *cobra.Command, model string, o *compareOptions) error {
	cfg, err := serverSettings(cmd.Flags())
	if err != nil {
		return err
	}
	var readers []rowReader
	for _, name := range o.capsules {
		rows, err := rowsToReplay(cfg, name, "")
		if err != nil {
			return err
		}
		readers = append(readers, rows)
	}
	rows := func(visit func(*table.Row) error) error {
		for _, read := range readers {
			if err := read(visit); err != nil {
				return err
			}
		}
		return nil
	}
	var r *compare.Report
	err = withGateway(cmd.Context(), cfg, o.inProcess, func(base string) error {
		target := replay.NewClient(base, 2*o.workers)
		defer target.Close()
		c := capsules{o: o, model: model, target: target, rows: rows}
		var err error
		r, err = c.run(cmd.Context())
		return err
	})
	if err != nil {
		return err
	}
	return o.tell(cmd.OutOrStdout(), []*compare.Report{r})
}

type rowReader = func(visit func(*table.Row) error) error

// capsules is a comparison over recorded requests.
type capsules struct {
	o        *compareOptions
	model    string
	target   *replay.Client
	rows     rowReader
	from, to time.Time
	seen     int64
}

// asked is what came of a recorded request.
type asked struct {
	candidate, again replay.Answer
	failure          error
	noAgain          error
}

func (c *capsules) run(ctx context.Context) (*compare.Report, error) {
	primary, err := c.primary()
	if err != nil {
		return nil, err
	}
	candidate := versionOf(c.model, c.o.candidate)
	options, err := c.options(ctx, primary, &candidate)
	if err != nil {
		return nil, err
	}
	study, err := compare.New(*options)
	if err != nil {
		return nil, err
	}
	var refused error
	ofVersion := int64(0)
	skipped, err := replay.InOrder(ctx, replay.Options{Workers: c.o.workers, Of: c.model}, c.versionRows(primary.Version, &ofVersion),
		func(ctx context.Context, r *replay.Recorded) asked { return c.ask(ctx, r, candidate, options.Primary) },
		func(r *replay.Recorded, a asked) error {
			if a.noAgain != nil && refused == nil {
				refused = a.noAgain
			}
			return study.Add(sampleOf(r, &a))
		})
	if err != nil {
		return nil, err
	}
	if study.Units() == 0 {
		return nil, fmt.Errorf("no recorded request of %s could be asked again: %s", primary, countsOf(skipped))
	}
	study.End()
	report := study.Report(compare.Coverage{Mode: "capsules", From: c.from, To: c.to, Seen: c.seen, Dropped: dropped(skipped, ofVersion)})
	report.Coverage.Sampled = report.Coverage.Samples
	for _, n := range report.Coverage.Dropped {
		report.Coverage.Sampled += n
	}
	report.Provenance = append(report.Provenance, compare.Fact{Name: "capsules", Value: strings.Join(c.o.capsules, ", ")}, compare.Fact{Name: "sluice", Value: version})
	if refused != nil {
		report.Provenance = append(report.Provenance, compare.Fact{Name: "not asked again", Value: refused.Error()})
	}
	for i := range report.Outputs {
		for k := range report.Outputs[i].Worst {
			w := &report.Outputs[i].Worst[k]
			w.Replay = fmt.Sprintf("sluice replay %s --dir FOLDER --model %s", w.ID, candidate)
		}
	}
	return report, nil
}

// primary is the version that the first row of the model is of, unless one is named.
func (c *capsules) primary() (v compare.Version, err error) {
	v = compare.Version{Name: c.model, Version: c.o.primary}
	found := false
	err = c.rows(func(r *table.Row) error {
		if r.Model != v.Name || v.Version != "" && r.Version != v.Version {
			return nil
		}
		v.Version, v.Digest, found = r.Version, r.Digest, true
		return errEnough
	})
	switch {
	case err != nil && !errors.Is(err, errEnough):
		return v, err
	case !found:
		return v, fmt.Errorf("there is no recorded request of %s in %s", v, strings.Join(c.o.capsules, ", "))
	}
	return v, nil
}

// versionRows are the rows of one version, and the time that they are of.
func (c *capsules) versionRows(version string, others *int64) rowReader {
	return func(visit func(*table.Row) error) error {
		return c.rows(func(r *table.Row) error {
			c.seen++
			if r.Model == c.model && r.Version != version {
				*others++
				return nil
			}
			if r.Model == c.model {
				if c.from.IsZero() || r.Time.Before(c.from) {
					c.from = r.Time
				}
				if r.Time.After(c.to) {
					c.to = r.Time
				}
			}
			return visit(r)
		})
	}
}

// options are those of the study: the schema and the settings are the primary's where it is loaded, else the candidate's.
func (c *capsules) options(ctx context.Context, primary compare.Version, candidate *compare.Version) (*compare.Options, error) {
	about, err := c.target.Describe(ctx, replay.Model{Name: candidate.Name, Version: candidate.Version})
	if err != nil {
		return nil, err
	}
	candidate.Digest = about.Digest
	o := &compare.Options{Model: c.model, Primary: primary, Candidate: *candidate}
	if live, err := c.target.Describe(ctx, replay.Model{Name: primary.Name, Version: primary.Version}); err == nil {
		if what := otherForm(live.Schema, about.Schema); what != "" {
			return nil, fmt.Errorf("%s cannot be compared with %s: %s", candidate, primary, what)
		}
		o.Again = c.o.again
		about = live
	} else if c.o.again {
		return nil, fmt.Errorf("the version that answered cannot be asked again: %w; go without it with --again=false", err)
	}
	o.Schema = about.Schema
	set, err := criteria.Decode(about.Notes[criteria.Note], o.Schema)
	if err != nil {
		return nil, err
	}
	o.Outputs, o.Criteria, o.Segments = set.Outputs, set.Criteria, set.Segments
	if o.Tolerance, err = about.Tolerance(); err != nil {
		return nil, err
	}
	return o, nil
}

// otherForm is how the outputs of two schemas differ; empty if they do not.
func otherForm(a, b *tensor.Schema) string {
	for i := range a.Outputs {
		at := b.Output([]byte(a.Outputs[i].Name))
		if at < 0 {
			return fmt.Sprintf("it has no output %q", a.Outputs[i].Name)
		}
		if b.Outputs[at].Type != a.Outputs[i].Type {
			return fmt.Sprintf("its output %q is %s, not %s", a.Outputs[i].Name, b.Outputs[at].Type, a.Outputs[i].Type)
		}
	}
	return ""
}

func (c *capsules) ask(ctx context.Context, r *replay.Recorded, candidate, primary compare.Version) (a asked) {
	names := make([]string, len(r.Outputs))
	for i := range r.Outputs {
		names[i] = r.Outputs[i].Name
	}
	ask := func(v compare.Version) (replay.Answer, error) {
		return c.target.AskTimed(ctx, replay.Model{Name: v.Name, Version: v.Version}, r.Inputs, names)
	}
	// Who is asked first waits less for others: each is for half of the requests.
	first := requestUnit(r)%2 == 0
	if first {
		a.candidate, a.failure = ask(candidate)
	}
	if c.o.again {
		a.again, a.noAgain = ask(primary)
	}
	if !first {
		a.candidate, a.failure = ask(candidate)
	}
	return a
}

// unitSalt keeps the hashes of requests apart from those of other uses.
const unitSalt = "sluice-compare-request"

func requestUnit(r *replay.Recorded) uint64 { return unit.Hash(unitSalt, []byte(r.Row.ID)) }

func sampleOf(r *replay.Recorded, a *asked) *compare.Sample {
	x := &compare.Sample{
		ID: r.Row.ID, Unit: requestUnit(r), Rows: int(r.Row.Rows), Inputs: r.Inputs, Primary: r.Outputs,
		Candidate: a.candidate.Outputs, Again: a.again.Outputs, PrimaryRun: a.again.Run, CandidateRun: a.candidate.Run, Degraded: r.Row.Reason != "",
	}
	if r.Row.UnitHash != nil {
		x.Unit = *r.Row.UnitHash
	}
	if a.failure != nil {
		x.Candidate, x.Failure = nil, "error"
	}
	return x
}

func dropped(skipped map[string]int, ofVersion int64) map[string]int64 {
	all := map[string]int64{}
	for why, n := range skipped {
		all[why] = int64(n)
	}
	if ofVersion > 0 {
		all["of_other_versions"] = ofVersion
	}
	return all
}

func countsOf(skipped map[string]int) string {
	var parts []string
	for _, why := range slices.Sorted(maps.Keys(skipped)) {
		parts = append(parts, fmt.Sprintf("%d %s", skipped[why], strings.ReplaceAll(why, "_", " ")))
	}
	if len(parts) == 0 {
		return "there is none"
	}
	return strings.Join(parts, ", ")
}
