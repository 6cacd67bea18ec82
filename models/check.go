package models

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"sluice/internal/oip/target"
	"sluice/models/bundle"
	"sluice/models/gates"
)

// Check takes one bundle through the load gates and throws the sessions away. The bundle can be
// opened until it is discarded, which is the caller's to do.
func Check(ctx context.Context, opts Options, b *bundle.Bundle) (*gates.Report, error) {
	return gates.Check(ctx, opts.withDefaults().Options, b)
}

// NoteKept says of reports of one model, in the order of their bundles from old to new, which of
// those that pass a server would not load, since it keeps enough newer ones.
func NoteKept(opts Options, bundles []*bundle.Bundle, reports []*gates.Report) {
	kept, most := 0, 0
	for i := len(bundles) - 1; i >= 0; i-- {
		if most == 0 {
			most = cmp.Or(bundles[i].Keep, opts.withDefaults().KeepVersions)
		}
		switch r := reports[i]; {
		case r.Refusal() != nil:
		case kept < most:
			kept++
		case bundles[i].Keep > 0:
			r.NotLoaded = fmt.Sprintf("version_policy of %s keeps the newest %d", bundle.TritonFile, most)
		default:
			r.NotLoaded = fmt.Sprintf("model_defaults.keep_versions keeps the newest %d", most)
		}
	}
}

// Missing lists the models that are required and of which there is no report.
func Missing(opts Options, reports []*gates.Report) []string {
	return slices.DeleteFunc(slices.Clone(opts.Require), func(name string) bool {
		return name == RequireAll || slices.ContainsFunc(reports, func(r *gates.Report) bool { return r.Name == name })
	})
}

// Find locates every bundle of the options, by name and from old to new. The faults
// are sentences on what looks like a bundle and is none.
func Find(opts Options) (bundles []*bundle.Bundle, faults []error, err error) {
	if opts.Dir != "" {
		if bundles, faults, err = discover(opts); err != nil {
			return nil, nil, err
		}
	}
	for _, path := range opts.Paths {
		b, err := bundle.Locate(path)
		if err != nil {
			return nil, nil, err
		}
		b.Given = true
		b.Glance()
		bundles = append(bundles, b)
	}
	slices.SortStableFunc(bundles, func(a, b *bundle.Bundle) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), bundle.CompareVersions(a.Version, b.Version))
	})
	for i := 1; i < len(bundles); i++ {
		if a, b := bundles[i-1], bundles[i]; a.Name == b.Name && a.Version == b.Version {
			return nil, nil, fmt.Errorf("two bundles are %s: %s and %s", b.Label(), a.ModelPath(), b.ModelPath())
		}
	}
	return bundles, faults, nil
}

// discover reads the folder of models.
func discover(opts Options) (bundles []*bundle.Bundle, faults []error, err error) {
	bundles, faults, err = bundle.Discover(opts.Dir)
	if opts.Only != nil {
		bundles = slices.DeleteFunc(bundles, func(b *bundle.Bundle) bool { return !opts.Only(b.Name, b.Version) })
		for _, b := range bundles {
			b.Keep = 0
		}
		faults = nil // of versions that nobody chose, or of none
	}
	return bundles, faults, err
}

// BrokenRungs says which rungs of ladders would answer no request if these bundles were served, and why. The bundles are those of
// the reports, by name and from old to new.
func BrokenRungs(bundles []*bundle.Bundle, reports []*gates.Report) (all []string) {
	for i, b := range bundles {
		if reports[i].Refusal() != nil || b.Config.Features == nil {
			continue
		}
		for k := range b.Config.Features.Ladder {
			r := &b.Config.Features.Ladder[k]
			if r.Constant != nil {
				continue
			}
			name, version := r.Target()
			to, why := b, ""
			if r.Previous {
				to = passed(bundles[:i], reports, b.Name, "")
			} else if to = passed(bundles, reports, name, version); to == nil {
				why = "no version of it was checked and passed"
			}
			if to != nil {
				if _, err := target.Map(b.Config.Client(b.Schema), to.Config.Client(to.Schema)); err != nil {
					why = fmt.Sprintf("%s does not take the requests: %v", to.Label(), err)
				}
			}
			if why != "" {
				all = append(all, fmt.Sprintf("%s: rung %s of its ladder answers no request: %s", b.Label(), r.Name(), why))
			}
		}
	}
	return all
}

// passed is the newest bundle of a model that no gate refused, or that version of it; nil if there is none.
func passed(bundles []*bundle.Bundle, reports []*gates.Report, name, version string) *bundle.Bundle {
	for i := len(bundles) - 1; i >= 0; i-- {
		if b := bundles[i]; b.Name == name && (version == "" || b.Version == version) && reports[i].Refusal() == nil {
			return b
		}
	}
	return nil
}
