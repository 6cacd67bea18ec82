package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// gpuReport is gpu-check.json.
type gpuReport struct {
	Device   string                 `json:"device"`
	Quick    bool                   `json:"quick"`
	Versions *gpuVersions           `json:"versions"`
	Gates    []gateReport           `json:"gates"`
	Raw      map[string]*sweep      `json:"raw"`
	Load     map[string]*loadResult `json:"load"`
	Drill    *drillResult           `json:"drill"`
	Steps    []stepResult           `json:"steps"`
}

// report joins what the steps left. A step that left nothing is a failure of its own.
func (c *gpuCheck) report() (any, error) {
	r := &gpuReport{Device: c.device, Quick: c.quick}
	for _, name := range gpuSteps[:len(gpuSteps)-1] {
		var step stepResult
		if err := c.read(name, &step); err != nil {
			step = stepResult{Step: name, Findings: []finding{{name, failed, "the step left no result"}}}
		}
		step.Data = nil
		r.Steps = append(r.Steps, step)
	}
	c.data("versions", &r.Versions)
	c.data("gates", &r.Gates)
	c.data("raw", &r.Raw)
	c.data("load", &r.Load)
	c.data("drill", &r.Drill)
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("cannot encode the report: %w", err)
	}
	if err := c.writeText("gpu-check.json", string(text)+"\n"); err != nil {
		return nil, err
	}
	if err := c.writeText("gpu-check.md", r.markdown()); err != nil {
		return nil, err
	}
	count := map[string]int{}
	for _, s := range r.Steps {
		for _, f := range s.Findings {
			count[f.Outcome]++
		}
	}
	c.judge(count[failed] == 0, "check", "%d passed, %d failed, %d skipped", count[passed], count[failed], count[skipped])
	return nil, nil
}

// markdown is the report as it can be put under docs/gpu.md.
func (r *gpuReport) markdown() string {
	var b strings.Builder
	r.writeMachine(&b)
	r.writeRaw(&b)
	r.writeLoad(&b)
	r.writeGPU(&b)
	r.writeDrill(&b)
	b.WriteString("\n### What was found\n\n| Step | What | Verdict | |\n|---|---|---|---|\n")
	for _, s := range r.Steps {
		for _, f := range s.Findings {
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", s.Step, cell(f.Name), f.Outcome, cell(f.Text))
		}
	}
	return b.String()
}

// cell makes text fit into a table.
func cell(text string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "|", "\\|")
}

func (r *gpuReport) writeMachine(b *strings.Builder) {
	v := r.Versions
	if v == nil {
		v = &gpuVersions{}
	}
	date, _, _ := strings.Cut(v.Machine.Date, "T")
	quick := ""
	if r.Quick {
		quick = " (a quick look: short runs of small models)"
	}
	fmt.Fprintf(b, "## `%s`, %s%s\n\n| | |\n|---|---|\n", r.Device, date, quick)
	row := func(name, text string) {
		if text != "" {
			fmt.Fprintf(b, "| %s | %s |\n", name, cell(text))
		}
	}
	row("Date", v.Machine.Date)
	if inv := v.Inventory; inv != nil {
		for _, d := range inv.Devices {
			if d.Device == r.Device {
				row("Chip", d.GPU)
			}
		}
		row("Driver", inv.Driver)
		row("ONNX Runtime", inv.Version)
	}
	for _, s := range r.Raw {
		if v.Inventory == nil || v.Inventory.Version == "" {
			row("ONNX Runtime", s.Version)
		}
		break
	}
	row("Libraries", strings.Join(v.Libraries, ", "))
	row("CPU", fmt.Sprintf("%s, %d cores", v.Machine.CPU, v.Machine.Cores))
	row("System", strings.TrimSpace(v.Machine.System+" "+v.Machine.Kernel))
	row("Sluice", v.Sluice)
	if v.Machine.BusyCores > busyAtMost {
		row("Not alone", fmt.Sprintf("other processes took %.2f cores before the check", v.Machine.BusyCores))
	}
}

func (r *gpuReport) writeRaw(b *strings.Builder) {
	if len(r.Raw) == 0 {
		return
	}
	b.WriteString("\n### The session without a server\n\n| Model | Batch | p50, ms | p95, ms | Rows/s |\n|---|---|---|---|---|\n")
	for _, model := range slices.Sorted(maps.Keys(r.Raw)) {
		for _, p := range r.Raw[model].Points {
			fmt.Fprintf(b, "| %s | %d | %.3f | %.3f | %s |\n", model, p.Rows, p.P50/1e3, p.P95/1e3, figure(p.perSecond()))
		}
	}
}

func (r *gpuReport) writeLoad(b *strings.Builder) {
	if len(r.Load) == 0 {
		return
	}
	fmt.Fprintf(b, "\n### Sluice under open-loop load, a budget of %d runs of one row, the device alone\n\n", budgetRuns)
	b.WriteString("| Model | Budget, ms | Raw rows/s in the budget | Raw best rows/s | Sluice rows/s in time | p50, ms | p99, ms | Share of raw in the budget | Share of raw best |\n|---|---|---|---|---|---|---|---|---|\n")
	for _, model := range slices.Sorted(maps.Keys(r.Load)) {
		l := r.Load[model]
		if l.Best == nil {
			fmt.Fprintf(b, "| %s | %.3f | %s | %s | none found | | | | |\n", model, l.BudgetMillis, figure(l.RawInBudget), figure(l.RawBest))
			continue
		}
		fmt.Fprintf(b, "| %s | %.3f | %s | %s | %s | %.3f | %.3f | %.3f | %.3f |\n", model, l.BudgetMillis, figure(l.RawInBudget), figure(l.RawBest),
			figure(l.Best.Good), l.Best.P50, l.Best.P99, l.Ratio, l.RatioOfBest)
	}
}

func (r *gpuReport) writeGPU(b *strings.Builder) {
	head := "\n### The GPU during that load\n\n| Model | Figure | Mean | Most |\n|---|---|---|---|\n"
	for _, model := range slices.Sorted(maps.Keys(r.Load)) {
		gpu := r.Load[model].GPU
		for _, s := range shown {
			for _, name := range named(gpu, s.name) {
				b.WriteString(head)
				head = ""
				fmt.Fprintf(b, "| %s | `%s` | %.4g %s | %.4g %s |\n", model, s.name, gpu[name].Mean, s.unit, gpu[name].Max, s.unit)
			}
		}
	}
}

func (r *gpuReport) writeDrill(b *strings.Builder) {
	if r.Drill == nil {
		return
	}
	d := r.Drill
	fmt.Fprintf(b, "\n### The worker killed under load\n\n`%s` at %.0f requests/s: %d requests, %d lost, %d late, statuses %v. While the device was away %d answers came, "+
		"with no gap over %.0f ms; the device answered again after %.2f s. None of the %d answers that the load tester compared is wrong.\n", d.Model, d.Rate, d.Load.Requests, d.Load.Lost, d.Load.LateOKs, d.Load.Status, d.Meanwhile, d.GapMillis, d.BackMillis/1e3, d.Load.Checked)
}
