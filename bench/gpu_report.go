package main

import (
	"cmp"
	_ "embed" // the page
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"

	"sluice/models/gates"
)

// gpuReport is gpu-check.json.
type gpuReport struct {
	Device   string                 `json:"device"`
	Quick    bool                   `json:"quick"`
	Versions *gpuVersions           `json:"versions"`
	Gates    []gates.Report         `json:"gates"`
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
	if err := writeJSON(filepath.Join(c.out, "gpu-check.json"), r); err != nil {
		return nil, err
	}
	if r.Versions == nil { // the step left no result
		r.Versions = &gpuVersions{}
	}
	var page strings.Builder
	err := markdown.Execute(&page, r)
	if err == nil {
		err = os.WriteFile(filepath.Join(c.out, "gpu-check.md"), []byte(page.String()), 0o644)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot write the report: %w", err)
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

//go:embed gpu_report.md.tmpl
var markdownText string

// markdown is the report as it can be put under docs/gpu.md.
var markdown = template.Must(template.New("gpu-check.md").Funcs(template.FuncMap{
	"cell": cell, "figure": figure, "rate": rawPoint.perSecond,
	"budgetRuns": func() int { return budgetRuns },
	"millis":     func(us float64) string { return fmt.Sprintf("%.3f", us/1e3) },
	"seconds":    func(ms float64) string { return fmt.Sprintf("%.2f", ms/1e3) },
}).Parse(markdownText))

// cell makes text fit into a table.
func cell(text string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "|", "\\|")
}

// Date is the day of the check.
func (r *gpuReport) Date() string {
	day, _, _ := strings.Cut(r.Versions.Machine.Date, "T")
	return day
}

// About is what is known of the machine, by name.
func (r *gpuReport) About() (rows [][2]string) {
	add := func(name, text string) {
		if text != "" {
			rows = append(rows, [2]string{name, text})
		}
	}
	v := r.Versions
	add("Date", v.Machine.Date)
	version := ""
	if inv := v.Inventory; inv != nil {
		for _, d := range inv.Devices {
			if d.Device == r.Device {
				add("Chip", d.GPU)
			}
		}
		add("Driver", inv.Driver)
		version = inv.Version
	}
	for _, s := range r.Raw { // each has the same
		version = cmp.Or(version, s.Version)
	}
	add("ONNX Runtime", version)
	add("Libraries", strings.Join(v.Libraries, ", "))
	add("CPU", fmt.Sprintf("%s, %d cores", v.Machine.CPU, v.Machine.Cores))
	add("System", strings.TrimSpace(v.Machine.System+" "+v.Machine.Kernel))
	add("Sluice", v.Sluice)
	if v.Machine.BusyCores > busyAtMost {
		add("Not alone", fmt.Sprintf("other processes took %.2f cores before the check", v.Machine.BusyCores))
	}
	return rows
}

// gpuFigure is one of the driver's figures during a model's load.
type gpuFigure struct {
	Model, Name, Unit string
	reading
}

// Figures are those that the report names.
func (r *gpuReport) Figures() (all []gpuFigure) {
	for _, model := range slices.Sorted(maps.Keys(r.Load)) {
		gpu := r.Load[model].GPU
		for _, s := range shown {
			for _, name := range named(gpu, s.name) {
				all = append(all, gpuFigure{model, s.name, s.unit, gpu[name]})
			}
		}
	}
	return all
}
