package study

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"sluice/internal/cost"
	"sluice/internal/prescan"
	"sluice/plan"
)

// maxReports is the most bytes of a file of costs: a report of check has some kilobytes a model.
const maxReports = 64 << 20

// costs reads a file of tables, or what `sluice check --json` printed.
func (b *builder) costs(path string) error {
	text, err := prescan.ReadFile(path, maxReports)
	if err != nil {
		return fmt.Errorf("cannot read the costs: %w", err)
	}
	if isReport(text) {
		return b.reports(path, text)
	}
	return read(path, text, func(r *reader, node ast.Node) {
		r.mapping(node, "the costs", nil, func(kind string, models ast.Node) bool {
			r.mapping(models, "the costs of "+kind, nil, func(model string, table ast.Node) bool {
				b.table(r, kind, model, table)
				return true
			})
			return true
		})
	})
}

func (b *builder) table(r *reader, kind, model string, node ast.Node) {
	var curve cost.Curve
	before := len(r.faults)
	r.list(node, "the cost of "+model+" on "+kind, func(n ast.Node) {
		var p cost.Point
		r.fields(n, "a point", field{"rows", whole(&p.Rows)}, field{"p50", span(&p.P50)}, field{"p95", span(&p.P95)},
			field{"p50_ns", nanoseconds(&p.P50)}, field{"p95_ns", nanoseconds(&p.P95)})
		curve = append(curve, p)
	})
	if len(r.faults) > before {
		return
	}
	if err := plan.CheckCurve(curve); err != nil {
		r.fault(node, "the cost of %s on %s: %w", model, kind, err)
		return
	}
	b.q.Study.Costs.Set(kind, model, curve)
}

func nanoseconds(to *time.Duration) func(string) error {
	return func(text string) error {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 {
			return fmt.Errorf("%q is not a number of nanoseconds", text)
		}
		*to = time.Duration(n)
		return nil
	}
}

// checked is what a study needs of a report of `sluice check --json`; the rest of it is of no
// concern here.
type checked struct {
	Name     string            `json:"name"`
	Gates    []json.RawMessage `json:"gates"`
	MaxBatch int               `json:"max_batch"`
	Budget   time.Duration     `json:"budget_ns"`
	Curve    cost.Curve        `json:"curve"`
	Devices  []struct {
		Device string     `json:"device"`
		Curve  cost.Curve `json:"curve"`
	} `json:"devices"`
	Memory json.RawMessage `json:"memory"`
}

// isReport tells reports from tables: JSON whose first value has gates.
func isReport(text []byte) bool {
	var c checked
	err := json.NewDecoder(bytes.NewReader(text)).Decode(&c)
	return err == nil && c.Name != "" && c.Gates != nil
}

// reports takes the tables of each model. The kind of a device is its name up to the colon; a
// report without devices is about the CPU.
func (b *builder) reports(path string, text []byte) error {
	for d := json.NewDecoder(bytes.NewReader(text)); ; {
		var c checked
		if err := d.Decode(&c); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			rest := bytes.TrimLeft(text[d.InputOffset():], " \t\r\n")
			line := 1 + bytes.Count(text[:len(text)-len(rest)], []byte("\n"))
			return fmt.Errorf("%s:%d: cannot read the report: %w", path, line, err)
		}
		if c.Name == "" && c.Memory != nil {
			continue // what a server needs
		}
		found := false
		add := func(kind string, curve cost.Curve) error {
			if len(curve) == 0 {
				return nil
			}
			found = true
			if err := plan.CheckCurve(curve); err != nil {
				return fmt.Errorf("%s: the cost of %s on %s: %w", path, c.Name, kind, err)
			}
			b.q.Study.Costs.Set(kind, c.Name, curve)
			return nil
		}
		var faults []error
		for _, device := range c.Devices {
			kind, _, _ := strings.Cut(device.Device, ":")
			faults = append(faults, add(kind, device.Curve))
		}
		if len(c.Devices) == 0 {
			faults = append(faults, add("cpu", c.Curve))
		}
		if !found {
			faults = append(faults, fmt.Errorf("%s: the report of %s has no cost table: the model was refused, or no row that it accepts is known", path, c.Name))
		}
		if err := errors.Join(faults...); err != nil {
			return err
		}
		b.reported = append(b.reported, plan.Model{Name: c.Name, Budget: c.Budget, MaxBatch: c.MaxBatch})
	}
}
