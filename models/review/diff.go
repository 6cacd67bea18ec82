package review

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"sluice/internal/cost"
	"sluice/models"
	"sluice/models/bundle"
	"sluice/models/gates"
)

// Diff compares two versions of a model. The faults are ModelNotFound and VersionNotFound, and the context's error.
func (r *Review) Diff(ctx context.Context, model, from, to string) (*Diff, error) {
	var both [2]models.Status
	for i, version := range []string{from, to} {
		found, err := r.versions(model, version)
		if err != nil {
			return nil, err
		}
		both[i] = found[0]
	}
	d := &Diff{
		Model: model, From: side(&both[0]), To: side(&both[1]), Schema: SchemaChange{Client: SchemaUnknown},
		Files: []FileChange{}, Limits: []Change{}, Graph: []Change{}, Operators: []CountChange{}, Settings: []Setting{}, Devices: []Device{}, Gates: []Gate{},
		Golden: Golden{Answers: []Answers{}}, LeftOut: []string{},
	}
	a, b := both[0].Report, both[1].Report
	for i, report := range []*gates.Report{a, b} {
		if report == nil {
			d.leave("version %s has not been read: %s", both[i].Version, both[i].Reason)
		}
	}
	if a == nil || b == nil {
		return d, nil
	}
	d.files(a.Bundle.Files, b.Bundle.Files)
	d.schema(a, b)
	d.graph(a, b)
	d.settings(a, b)
	d.devices(a.Devices, b.Devices)
	d.gates(a.Gates, b.Gates)
	d.Golden.From, d.Golden.To = golden(a), golden(b)
	if err := r.replayBoth(ctx, d); err != nil {
		return nil, err
	}
	return d, nil
}

func (d *Diff) leave(format string, args ...any) {
	d.LeftOut = append(d.LeftOut, fmt.Sprintf(format, args...))
}

func side(s *models.Status) Side {
	one := Side{Version: s.Version, State: s.State.String(), Role: string(s.Role), Digest: s.Digest, Reason: s.Reason}
	if s.Report != nil {
		for _, f := range s.Report.Bundle.Files {
			one.Bytes += f.Size
		}
	}
	return one
}

func (d *Diff) files(a, b []bundle.File) {
	index := func(files []bundle.File) map[string]*File {
		all := map[string]*File{}
		for _, f := range files {
			all[f.Name] = &File{f.Size, f.SHA256}
		}
		return all
	}
	was, is := index(a), index(b)
	for _, name := range names(was, is) {
		if x, y := was[name], is[name]; x == nil || y == nil || *x != *y {
			d.Files = append(d.Files, FileChange{name, x, y})
		}
	}
}

// names are the keys of two maps in order, each once.
func names[V any](a, b map[string]V) []string {
	return slices.Compact(slices.Sorted(func(yield func(string) bool) {
		for _, m := range []map[string]V{a, b} {
			for name := range m {
				if !yield(name) {
					return
				}
			}
		}
	}))
}

func (d *Diff) schema(a, b *gates.Report) {
	d.Schema.From, d.Schema.To = a.Schema, b.Schema
	if x, y := a.Bundle.Schema, b.Bundle.Schema; x != nil && y != nil {
		d.Schema.Client = cmp.Or(a.Bundle.Config.Client(x).Difference(b.Bundle.Config.Client(y)), SchemaEqual)
	} else {
		d.leave("a version that was refused before its schema was known has no schema to compare, no limits and no batching")
		return
	}
	was, is := limits(a), limits(b)
	for _, name := range names(was, is) {
		d.Limits = note(d.Limits, name, was[name], is[name])
	}
	if x, y := &a.Batching, &b.Batching; x.Mode != y.Mode || x.Basis != y.Basis {
		d.Batching = &Change{"batching", x.String(), y.String()}
	}
}

// limits bound what is taken, by name.
func limits(r *gates.Report) map[string]string {
	all := map[string]string{"max_batch": strconv.Itoa(r.MaxBatch), "max_rows": strconv.Itoa(r.MaxRows)}
	for name, n := range map[string]int64{"max_length_product": r.MaxProduct, "row_memory_bytes": r.RowMemory, "run_memory_bytes": r.RunMemory} {
		if n > 0 {
			all[name] = strconv.FormatInt(n, 10)
		}
	}
	for i := range r.MaxLength {
		all["max_length."+r.MaxLength[i].Axis] = strconv.FormatInt(r.MaxLength[i].Most, 10)
	}
	return all
}

// note adds a value if it differs.
func note(all []Change, name, from, to string) []Change {
	if from == to {
		return all
	}
	return append(all, Change{name, from, to})
}

func (d *Diff) graph(a, b *gates.Report) {
	x, y := a.Composition, b.Composition
	if x == nil || y == nil {
		d.leave("what the model files consist of is not known of both")
		return
	}
	d.Graph = note(d.Graph, "producer", x.Producer, y.Producer)
	for _, domain := range names(x.Opsets, y.Opsets) {
		text := func(sets map[string]int64) string {
			if n, there := sets[domain]; there {
				return strconv.FormatInt(n, 10)
			}
			return ""
		}
		d.Graph = note(d.Graph, "opset "+cmp.Or(domain, "ai.onnx"), text(x.Opsets), text(y.Opsets))
	}
	for _, op := range names(x.Operators, y.Operators) {
		if from, to := x.Operators[op], y.Operators[op]; from != to {
			d.Operators = append(d.Operators, CountChange{op, from, to})
		}
	}
}

func (d *Diff) settings(a, b *gates.Report) {
	if a.Composition == nil && a.Bundle.Schema == nil || b.Composition == nil && b.Bundle.Schema == nil {
		d.leave("a version whose files could not be read has no settings to compare")
		return
	}
	is := b.Bundle.Config.Settings()
	for i, was := range a.Bundle.Config.Settings() {
		if was.Key != "lineage" {
			d.setting(was.Key, was, is[i])
			continue
		}
		x, y := a.Bundle.Config.Lineage, b.Bundle.Config.Lineage
		for _, key := range names(x, y) { // each by itself: a text of all of them may be too long to be told whole
			was.Value, is[i].Value = x[key], y[key]
			d.setting("lineage."+key, was, is[i])
		}
	}
}

func (d *Diff) setting(key string, was, is bundle.Setting) {
	set := func(o bundle.Origin) bool { return o != bundle.OriginDefault && o != bundle.OriginMeasured }
	falls := set(was.From) && !set(is.From)
	if was.Value != is.Value || falls {
		d.Settings = append(d.Settings, Setting{key, Value{was.Value, string(was.From)}, Value{is.Value, string(is.From)}, falls})
	}
}

func (d *Diff) devices(a, b []gates.DeviceReport) {
	index := func(devices []gates.DeviceReport) map[string]*gates.DeviceReport {
		all := map[string]*gates.DeviceReport{}
		for i := range devices {
			all[devices[i].Device] = &devices[i]
		}
		return all
	}
	was, is := index(a), index(b)
	for _, name := range names(was, is) {
		x, y := was[name], is[name]
		one := Device{Device: name, From: deviceSide(x), To: deviceSide(y)}
		if x != nil && y != nil {
			one.Costs = costs(x, y)
		}
		d.Devices = append(d.Devices, one)
	}
}

func deviceSide(r *gates.DeviceReport) *DeviceSide {
	if r == nil {
		return nil
	}
	return &DeviceSide{State: string(r.State), Reason: r.Reason, MemoryBytes: r.Memory, DeviceMemoryBytes: r.DeviceMemory}
}

// costs are those of one row, of eight, and of each version's target, as far as both were measured.
func costs(a, b *gates.DeviceReport) (all []Cost) {
	if !a.Measured || !b.Measured || len(a.Curve) == 0 || len(b.Curve) == 0 {
		return nil
	}
	most := min(a.Curve[len(a.Curve)-1].Rows, b.Curve[len(b.Curve)-1].Rows)
	sizes := slices.Compact(slices.Sorted(slices.Values([]int{1, 8, a.Target, b.Target})))
	us := func(c cost.Curve, rows int) float64 { return float64(c.At(rows)) / float64(time.Microsecond) }
	for _, rows := range sizes {
		if rows < 1 || rows > most {
			continue
		}
		from, to := us(a.Curve, rows), us(b.Curve, rows)
		all = append(all, Cost{rows, from, to, to / max(from, 0.001)})
	}
	return all
}

func (d *Diff) gates(a, b []gates.Verdict) {
	index := func(all []gates.Verdict) map[string]*Verdict {
		found := map[string]*Verdict{}
		for i := range all {
			found[all[i].Gate] = &Verdict{string(all[i].Outcome), all[i].Text}
		}
		return found
	}
	was, is, told := index(a), index(b), map[string]bool{}
	for _, v := range slices.Concat(a, b) {
		x, y := was[v.Gate], is[v.Gate]
		if !told[v.Gate] && (x == nil || y == nil || x.Outcome != y.Outcome || x.Text != y.Text && v.Outcome != gates.Passed) {
			d.Gates = append(d.Gates, Gate{v.Gate, x, y})
		}
		told[v.Gate] = true
	}
}
