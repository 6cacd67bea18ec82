package models

import (
	"context"
	"fmt"
	"slices"

	"sluice/internal/fault"
	"sluice/internal/tensor"
	"sluice/internal/unit"
	"sluice/models/roles"
)

// split is the share of a live version's units that go to a canary.
type split struct {
	buckets int // of package unit, the lowest
	canary  *Version
}

// Split tells how many buckets of the units are a canary's, 0 without one, and pins the canary if the bucket is one
// of those and it still serves. The caller must Release it.
func (v *Version) Split(bucket int) (buckets int, canary *Version) {
	s := v.split.Load()
	switch {
	case s == nil:
		return 0, nil
	case bucket < 0 || bucket >= s.buckets || !s.canary.tryPin():
		return s.buckets, nil
	}
	return s.buckets, s.canary
}

// Canary gives a version a share of the units of the requests that name no version, and loads it first if need be. The
// share is a whole number of the buckets of package unit; 0 ends the canary, which stays a candidate. Clients must not be
// able to tell its schema from the live one's.
func (r *Registry) Canary(ctx context.Context, name, version string, share float64, by By) error {
	buckets, ok := unit.Share(share)
	switch {
	case !ok:
		return fault.Newf(fault.InvalidParameter, "the share is %v; it is from 0 to 1, in steps of %v", share, unit.OfBuckets(1))
	case buckets == 0:
		return r.endCanary(name, version, by)
	}
	ref, done, err := r.want(ctx, name, version)
	if err != nil {
		return err
	}
	defer done()
	live, difference := r.difference(name, name, version)
	about := roles.Entry{Action: actCanary, Model: name, Version: ref.Version, Digest: ref.Digest, Share: unit.OfBuckets(buckets)}
	return r.change(by, about, func(m *roles.Model, about *roles.Entry) error {
		switch {
		case m.Live == nil || live == nil || *live != *m.Live:
			return fault.Newf(fault.Conflict, "cannot give a share of '%s' to version %s: its live version is not ready, or has just changed", name, version)
		case *m.Live == ref:
			return fault.Newf(fault.Conflict, "cannot give a share of '%s' to version %s: it is live", name, version)
		case difference != "":
			return fault.Newf(fault.Conflict, "cannot give a share of '%s' to version %s: clients could tell it from version %s: %s", name, version, m.Live.Version, difference)
		}
		lift(m, ref, about)
		endPlan(m, about)
		m.Canary = &roles.Canary{Ref: ref, Share: about.Share}
		return nil
	})
}

// endCanary takes the canary's share away. A version that is named must be the canary.
func (r *Registry) endCanary(name, version string, by By) error {
	return r.change(by, roles.Entry{Action: actCanary, Model: name}, func(m *roles.Model, about *roles.Entry) error {
		c := m.Canary
		if c == nil || version != "" && c.Version != version {
			return fault.Newf(fault.Conflict, "'%s' has no canary that could be ended%s", name, ofVersion(version))
		}
		about.Version, about.Digest, about.Reason = c.Version, c.Digest, reasons(about.Reason, endsCanary)
		endPlan(m, about)
		m.Canary = nil
		return nil
	})
}

// endsCanary is how the history says so.
const endsCanary = "ends the canary"

// reasons puts what a change does besides behind why it was asked for.
func reasons(reason, besides string) string {
	if reason == "" {
		return besides
	}
	return reason + "; " + besides
}

func ofVersion(version string) string {
	if version == "" {
		return ""
	}
	return " with version " + version
}

// difference compares a version, of a model or of another one, with the model's live version, which it names: nil if none is ready.
func (r *Registry) difference(name, of, version string) (live *roles.Ref, difference string) {
	now, then, live := r.beside(name, of, version)
	if live == nil {
		return nil, ""
	}
	return live, apart(now.Client(), then.Client())
}

// beside is the live version of a model, and another version of it or of another model; nil if one of them is not ready.
func (r *Registry) beside(name, of, version string) (now, then *Version, live *roles.Ref) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e, err := r.entryLocked(of, version)
	if err != nil {
		return nil, nil, nil
	}
	m := r.mu.models[name]
	if m == nil || m.live() == nil || e.version == nil {
		return nil, nil, nil
	}
	l := m.live()
	return l.version, e.version, &roles.Ref{Version: l.bundle.Version, Digest: l.digest()}
}

// apart says by what clients could tell a canary from the live version, or what requests to the live one it would not
// take; empty if there is nothing.
func apart(live, canary *tensor.Schema) string {
	if difference := live.Difference(canary); difference != "" {
		return difference
	}
	for i := range live.Inputs {
		if now, then := live.Inputs[i].Shape, canary.Inputs[i].Shape; !slices.Equal(now, then) {
			return fmt.Sprintf("the model itself has the shape %s for input %q, and the live one %s", tensor.ShapeText(then), live.Inputs[i].Name, tensor.ShapeText(now))
		}
	}
	if now, then := paddedAxes(live), paddedAxes(canary); !slices.Equal(now, then) {
		return "it pads other axes (padding)"
	}
	for _, limit := range limits(live, canary) {
		if limit.then > 0 && (limit.now == 0 || limit.then < limit.now) {
			return fmt.Sprintf("its %s is %d, and that of the live version %d (0 is none)", limit.name, limit.then, limit.now)
		}
	}
	return ""
}

func paddedAxes(s *tensor.Schema) []int {
	if s.Padding == nil {
		return nil
	}
	return s.Padding.InputAxis
}

// limit is a bound of requests by the live version and by the canary.
type limit struct {
	name      string
	now, then int64
}

func limits(live, canary *tensor.Schema) []limit {
	all := []limit{
		{"limit of rows a request (max_rows)", int64(live.MaxRows), int64(canary.MaxRows)},
		{"limit of the bytes of strings", live.MaxText, canary.MaxText},
	}
	if now, then := live.Lengths, canary.Lengths; now != nil && then != nil {
		all = append(all, limit{"limit of lengths multiplied", now.Product, then.Product})
		for i := range min(len(now.Axes), len(then.Axes)) {
			all = append(all, limit{"limit of axis " + then.Axes[i].Name + " (max_length)", now.Axes[i].Most, then.Axes[i].Most})
		}
	}
	return all
}

// lift ends the rejection of a version's files, since somebody asks for it. To try a version is not to promote it: it is left for the
// live one, so that the end of a canary or a shadow does not make it live as the newest.
func lift(m *roles.Model, ref roles.Ref, about *roles.Entry) {
	if rejects(m, ref.Digest) {
		m.Rejected = slices.DeleteFunc(slices.Clone(m.Rejected), func(other roles.Ref) bool { return other.Digest == ref.Digest })
		about.Reason = reasons(about.Reason, "lifts the rejection")
		if m.Live != nil && newer(m, m.Live, ref.Version) {
			m.Passed = ref.Version
		}
	}
}

// share has the version that serves split its units with the canary, if the two are ready and alike.
func (m *model) share() {
	live, c := m.live(), m.roles.Canary
	for _, e := range m.entries {
		if e.version == nil {
			continue
		}
		var s *split
		if c != nil && e == live && !e.is(&c.Ref) {
			s = m.splitWith(e.version, c)
		}
		if old := e.version.split.Load(); s == nil || old == nil || *old != *s {
			e.version.split.Store(s)
		}
	}
}

func (m *model) splitWith(live *Version, c *roles.Canary) *split {
	buckets, _ := unit.Share(c.Share)
	for _, e := range m.entries {
		if e.state == Ready && e.is(&c.Ref) && apart(live.Client(), e.version.Client()) == "" {
			return &split{buckets, e.version}
		}
	}
	return nil
}
