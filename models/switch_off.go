package models

import (
	"fmt"
	"slices"
	"strings"

	"go.uber.org/zap"

	"sluice/internal/fault"
	"sluice/models/bundle"
	"sluice/models/gates"
)

// sharing is what a version may not share any more, a bit each.
type sharing uint32

const (
	batchingOff sharing = 1 << iota // runs with rows of other requests
	paddingOff                      // a length with longer rows
)

// String is the beginning of a sentence.
func (s sharing) String() string {
	switch s {
	case batchingOff:
		return "batching is switched off"
	case paddingOff:
		return "padding is switched off"
	}
	return "batching and padding are switched off"
}

// remedy is what model.yaml should say.
func (s sharing) remedy() string {
	var all []string
	if s&batchingOff != 0 {
		all = append(all, "write max_batch: 0")
	}
	if s&paddingOff != 0 {
		all = append(all, "remove padding")
	}
	return strings.Join(all, " and ")
}

// remedy is what to do where nothing is remembered, and why that is so.
func (f *finding) remedy(why string) zap.Field {
	return zap.String("remedy", fmt.Sprintf("%s in %s of this version, or the next start finds it out anew: %s", f.off.remedy(), bundle.ConfigFile, why))
}

// Alone tells whether each request has to run by itself, because live answers have shown that
// rows change each other or that padding changes them. It holds until the version is loaded
// again, which is then done without what failed.
func (v *Version) Alone() bool { return v.off.Load() != 0 }

// Unpadded tells whether requests have to run without padding, which takes Alone too.
func (v *Version) Unpadded() bool { return sharing(v.off.Load())&paddingOff != 0 }

// Takes tells whether a request of that many rows, of which a run holds most (0: max_batch), can be
// answered: one of more rows than a run holds is split, which must not be done with rows that
// change each other. The fault is BatchTooLarge.
func (v *Version) Takes(rows, most int) error {
	if most == 0 {
		most = v.Schema.MaxBatch
	}
	if sharing(v.off.Load())&batchingOff == 0 || rows <= most {
		return nil
	}
	holds := fmt.Sprintf("max_batch = %d rows", v.Schema.MaxBatch)
	if most < v.Schema.MaxBatch {
		holds = fmt.Sprintf("%d rows that are so long (max_length bounds them)", most)
	}
	return fault.Newf(fault.BatchTooLarge, "cannot answer %d rows of model '%s' together: its rows change each other, so that a request is not split, and a run holds %s; send fewer rows, or load the model again, which lifts this limit",
		rows, v.Name, holds)
}

// beginComparing compares live answers while the version serves.
func (r *Registry) beginComparing(v *Version) {
	if r.opts.CompareEvery < 0 || v.Preferred().Taken == nil {
		return
	}
	v.Comparer.begin(r.opts.CompareEvery, r.opts.CompareLimit, func(f finding) { r.act(v, f) })
	v.beside.Go(func() { v.Comparer.run(v.life) })
}

// act switches off what the comparer has found to change answers.
func (r *Registry) act(v *Version, f finding) {
	answers := []zap.Field{zap.String("device", f.device), zap.String("answer", f.given), zap.String("should_be", f.right)}
	if f.off == 0 {
		r.switchOff(v, gates.Verdict{Gate: "parity", Outcome: gates.Changed, Text: f.text}, answers...)
		return
	}
	r.unshare(v, f, answers)
}

// switchOff ends a version's fallback, once.
func (r *Registry) switchOff(v *Version, verdict gates.Verdict, more ...zap.Field) {
	if v.noFallback.Swap(true) {
		return
	}
	r.opts.Log.Warn("fallback switched off", append(about(v, verdict.Text), more...)...)
	r.amend(v, func(report *gates.Report) { report.FallbackOff = verdict.Text })
	r.opts.OnParity(v, verdict)
}

// unshare ends a version's batching or padding, once each.
func (r *Registry) unshare(v *Version, f finding, answers []zap.Field) {
	if before := sharing(v.off.Or(uint32(f.off))); before&f.off == f.off {
		return
	}
	text := f.text
	if v.Report.Batching.Basis == bundle.Proven && f.off&batchingOff != 0 {
		text += "; the graph was taken for proof of the contrary, which is a fault of this program: please report it with the model"
	}
	verdict := gates.Verdict{Gate: "watch", Outcome: gates.Changed, Text: text}
	// First, since every batch counts. A version that is being unloaded has nothing left to change.
	if v.tryPin() {
		r.opts.OnBatching(v, verdict)
		v.Release()
	}
	r.opts.refutations.note(v.Digest, v.Name, v.Version, f.off, text)
	r.amend(v, func(report *gates.Report) {
		report.Batching = bundle.Batching{Mode: bundle.Single, Basis: bundle.Refuted, Text: text}
		report.Gates = append(slices.Clone(report.Gates), verdict)
	})
	fields := append(about(v, text), answers...)
	if r.opts.State == "" {
		fields = append(fields, f.remedy("no state folder is set"))
	}
	r.opts.Log.Warn(f.off.String(), fields...)
	// A disk may be slow: nothing waits for it but the next comparison.
	if err := r.opts.refutations.save(); err != nil {
		r.opts.Log.Warn("what is switched off cannot be remembered", append(about(v, text), f.remedy(err.Error()))...)
	}
}

func about(v *Version, reason string) []zap.Field {
	return []zap.Field{zap.String("model", v.Name), zap.String("version", v.Version), zap.String("reason", reason)}
}

// Degraded says in a sentence each of which versions in service something is switched off
// because live answers were wrong otherwise, and which versions are refused.
func (r *Registry) Degraded() []string {
	var all []string
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.mu.models {
		for _, e := range m.entries {
			switch name := fmt.Sprintf("model %s version %s", e.bundle.Name, e.bundle.Version); {
			case e.state != Ready:
			case e.version.Alone() && e.report.Batching.Basis == bundle.Refuted:
				all = append(all, name+" runs each request alone: "+e.report.Batching.Text)
			case e.report.Remembered != "":
				all = append(all, name+" does without what live answers refuted before: "+e.report.Remembered)
			}
		}
	}
	slices.Sort(all)
	return append(all, r.refusedLocked()...)
}
