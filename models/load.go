package models

import (
	"context"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"sluice/internal/fault"
	"sluice/models/bundle"
	"sluice/models/gates"
)

// load takes one version through the gates and publishes it. It runs in its own
// goroutine and ends in READY or FAILED.
func (r *Registry) load(ctx context.Context, e *entry) {
	defer e.cancel()
	among := gates.NewShare(r.loads, r.alone)
	entered := among.Enter(ctx)
	defer among.Leave()
	if !r.begin(e) {
		return
	}
	if !entered {
		r.fail(e, &refusal{reason: stoppedLoad, detail: ctx.Err().Error()})
		return
	}
	// A fresh copy: the entry's bundle names the place, and a second load starts clean.
	b := *e.bundle
	v, no := r.prove(ctx, &b, among, func(report *gates.Report) *refusal { return r.barred(e, report) })
	if no != nil && no.report != nil && no.report.Short {
		if p := r.makeRoom(ctx, e); p != nil {
			b = *e.bundle
			if v, no = r.prove(ctx, &b, among, func(report *gates.Report) *refusal { return r.barred(e, report) }); no != nil {
				r.update(func(map[string]*model) { p.gave = "" }) // for nothing
			}
		}
	}
	if no != nil {
		r.fail(e, no)
		return
	}
	report := v.Report
	r.adopt(e, v)
	r.settle(v)
	ignored := ""
	r.update(func(models map[string]*model) {
		e.state, e.version, e.report, e.loaded, e.applied = Ready, v, report, b.Fingerprint, b.ModelPrint
		if t, m := b.Config.Triton, models[b.Name]; t != nil && m != nil {
			if now := strings.Join(t.Ignored, ", "); now != m.told {
				m.told, ignored = now, now
			}
		}
		r.retry(e)
	})
	if ignored != "" {
		r.opts.Log.Info("settings of config.pbtxt that change only speed are ignored",
			zap.String("model", b.Name), zap.String("fields", ignored))
	}
	r.logReady(v)
}

// refusal is why a load came to nothing.
type refusal struct {
	gate           string // empty if it was none
	reason, detail string
	report         *gates.Report // nil if no gate ran
}

func (no *refusal) fields() []zap.Field {
	fields := []zap.Field{zap.String("reason", no.reason)}
	if no.detail != "" {
		fields = append(fields, zap.String("detail", no.detail))
	}
	return fields
}

// prove takes a bundle through the gates, and what passes to the scheduler, from where nothing reaches it
// yet. barred says what else speaks against it.
func (r *Registry) prove(ctx context.Context, b *bundle.Bundle, among *gates.Share, barred func(*gates.Report) *refusal) (*Version, *refusal) {
	with := r.company()
	with.Share = among
	placements, loaded, report := gates.Load(ctx, &r.opts.Options, b, with)
	if refused := report.Refusal(); refused != nil {
		r.discard(b)
		return nil, &refusal{refused.Gate, refused.Gate + ": " + refused.Text, refused.Detail, report}
	}
	if no := barred(report); no != nil {
		gates.CloseAll(placements)
		r.discard(b)
		return nil, no
	}
	v := newVersion(loaded, placements, report)
	served, err := r.publish(v)
	if err != nil {
		v.end()
		gates.CloseAll(placements)
		r.discard(b)
		text, detail := fault.Explain(fault.Cover(fault.ModelLoadFailed, err, "it cannot be joined to the scheduler"))
		return nil, &refusal{"", text, detail, report}
	}
	v.Served = served
	r.beginComparing(v)
	r.logBudget(v)
	return v, nil
}

// publish has the version join the scheduler.
func (r *Registry) publish(v *Version) (_ Served, err error) {
	if v.Features, err = v.Config.Plan(v.Schema); err != nil {
		return nil, fault.New(fault.ModelLoadFailed, err.Error())
	}
	return r.opts.Publish(v)
}

// company is what loads share; each has a part of the memory of its own.
func (r *Registry) company() gates.Company {
	return gates.Company{Measuring: r.measuring, Serving: r.serving}
}

const stoppedLoad = "loading was stopped"

// begin tells that a load has its turn, unless Close has taken it.
func (r *Registry) begin(e *entry) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	e.begun = e.state == Loading
	return e.begun
}

// stopWaiting ends all loads that wait for their turn, in one step: each by itself would cost a view of
// all models. It returns how many.
func stopWaiting(models map[string]*model) (n int) {
	for _, m := range models {
		for _, e := range m.entries {
			if e.state == Loading && !e.begun {
				e.state, e.reason = Failed, stoppedLoad
				n++
			}
		}
	}
	return n
}

// discard takes a bundle's copies away once nothing opens it any more.
func (r *Registry) discard(b *bundle.Bundle) {
	if err := b.Discard(); err != nil {
		r.opts.Log.Warn("private copies of a version's files were left behind", zap.String("model", b.Name), zap.String("version", b.Version), zap.Error(err))
	}
}

// amend changes the report that the index shows for a version in service.
func (r *Registry) amend(v *Version, change func(*gates.Report)) {
	r.update(func(models map[string]*model) {
		m := models[v.Name]
		if m == nil {
			return
		}
		for _, e := range m.entries {
			if e.version == v {
				report := *e.report
				report.Devices = slices.Clone(report.Devices)
				change(&report)
				e.report = &report
			}
		}
	})
}

func (r *Registry) fail(e *entry, no *refusal) {
	fields := []zap.Field{zap.String("model", e.bundle.Name), zap.String("version", e.bundle.Version)}
	r.opts.Log.Warn("version refused", append(fields, no.fields()...)...)
	r.update(func(models map[string]*model) {
		e.state, e.report, e.reason = Failed, no.report, no.reason
		if m := models[e.bundle.Name]; m != nil && no.gate != "" {
			m.refuse(no.gate)
		}
		r.retry(e)
	})
}

func (r *Registry) logReady(v *Version) {
	fields := []zap.Field{
		zap.String("model", v.Name), zap.String("version", v.Version), zap.String("digest", v.Digest),
		zap.Int("max_batch", v.Schema.MaxBatch), zap.Int("target", v.Report.Target),
		zap.Duration("budget", v.Report.Budget), zap.String("budget_basis", string(v.Report.BudgetBasis)), zap.Duration("took", v.Report.Took),
	}
	for _, verdict := range v.Report.Gates {
		if verdict.Outcome == gates.Changed && verdict.Gate != "devices" {
			fields = append(fields, zap.String(verdict.Gate, verdict.Text))
		}
	}
	if without := v.Report.Without(); len(without) > 0 {
		fields = append(fields, zap.Strings("not_on", without))
	}
	r.opts.Log.Info("version ready", fields...)
	about := []zap.Field{zap.String("model", v.Name), zap.String("version", v.Version)}
	for i := range v.Report.Devices {
		if d := &v.Report.Devices[i]; d.State == gates.LeftOut { // of one that is down the device itself tells
			r.opts.Log.Warn("device left out", append(about, fieldsOf(d)...)...)
		}
	}
	if v.Report.Remembered != "" {
		r.opts.Log.Warn("served without what live answers refuted before", append(about, zap.String("reason", v.Report.Remembered))...)
	}
	if v.Report.Slower != "" {
		r.opts.Log.Warn("the preferred device is slower than the CPU", append(about, zap.String("reason", v.Report.Slower))...)
	}
	if v.Report.FallbackOff != "" {
		r.opts.Log.Warn("fallback switched off", append(about, zap.String("reason", v.Report.FallbackOff))...)
	}
}

// serving tells whether requests may be coming: not while the gateway starts.
func (r *Registry) serving() bool { return r.Ready() == nil }

// retire ends a version that has left the view.
func (r *Registry) retire(e *entry) {
	r.end(e.version)
	r.update(func(map[string]*model) {
		e.state, e.version = Unloaded, nil
	})
}

// end drains a version that no view has any more and closes it. more is what the log says of it besides.
func (r *Registry) end(v *Version, more ...zap.Field) {
	start := time.Now()
	v.end()
	// The registry's own context may be over already: draining has a bound of its own.
	ctx, cancel := context.WithTimeout(context.Background(), r.opts.DrainDeadline)
	defer cancel()
	fields := []zap.Field{zap.String("model", v.Name), zap.String("version", v.Version)}
	log := r.opts.Log.Info
	if left := v.drain(ctx); left > 0 {
		log = r.opts.Log.Warn
		fields = append(fields, zap.Int64("requests_left", left))
	}
	if err := v.Served.Close(ctx); err != nil {
		log = r.opts.Log.Warn
		fields = append(fields, zap.NamedError("served", err))
	}
	v.beside.Wait()
	v.Comparer.discard()
	if faults := v.closeSessions(); len(faults) > 0 {
		log = r.opts.Log.Warn
		fields = append(fields, faults...)
	}
	r.discard(v.loaded.Bundle)
	log("version unloaded", append(append(fields, more...), zap.Duration("took", time.Since(start)))...)
}

// logBudget warns of a version whose requests are refused unless they ask for more.
func (r *Registry) logBudget(v *Version) {
	if report := v.Report; report.BudgetShort != "" {
		r.opts.Log.Warn("the budget is too short for one row", zap.String("model", v.Name), zap.String("version", v.Version),
			zap.String("reason", report.BudgetShort), zap.Duration("row", report.Row), zap.Duration("budget", report.Budget), zap.String("remedy", report.BudgetRemedy))
	}
}

// fieldsOf are for a log line about a device that was left out.
func fieldsOf(d *gates.DeviceReport) []zap.Field {
	fields := []zap.Field{zap.String("device", d.Device), zap.String("reason", d.Reason)}
	if last := len(d.Gates) - 1; last >= 0 && d.Gates[last].Detail != "" {
		fields = append(fields, zap.String("detail", d.Gates[last].Detail))
	}
	return fields
}
