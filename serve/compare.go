package serve

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sluice/batcher/policy"
	"sluice/compare/devices"
	"sluice/config"
	"sluice/internal/device"
	"sluice/models/bundle"
	"sluice/models/gates"
)

// narrow leaves the devices of Only alone, with their settings if they have some.
func (o *Options) narrow() {
	if len(o.OnlyDevices) == 0 {
		return
	}
	var all []config.Device
	for _, name := range o.OnlyDevices {
		at := slices.IndexFunc(o.Config.Devices, func(d config.Device) bool { return d.Name == name })
		if at < 0 {
			all = append(all, config.DefaultDevice(name))
		} else {
			all = append(all, o.Config.Devices[at])
		}
	}
	o.Config.Devices = all
}

// madeUpRows are compared beside golden rows.
const madeUpRows = 64

// CompareDevices takes a bundle through the load gates on the two devices of Options.OnlyDevices, has both answer the same rows,
// and says what batches cost on each. What it does under load is left to the caller.
func (c *Check) CompareDevices(ctx context.Context, b *bundle.Bundle) (f devices.Figures, err error) {
	options := c.Options.WithDefaults()
	with := gates.Company{Measuring: make(chan struct{}, 1), Serving: func() bool { return false }}
	placements, loaded, report := gates.Load(ctx, &options, b, with)
	defer func() {
		for _, p := range placements {
			err = errors.Join(err, p.Session.Close())
		}
	}()
	if err := ctx.Err(); err != nil {
		return f, err
	}
	f.Model = devices.Model{Name: b.Name, Version: b.Version, Digest: report.Digest}
	if len(report.Devices) < 2 {
		return f, fmt.Errorf("%s is refused by %s: %s", b.Label(), report.Refusal().Gate, report.Refusal().Text)
	}
	for i := range f.Devices {
		d := &report.Devices[i]
		if d.State == gates.Placed {
			// What an inspection cannot tell is left out.
			_ = c.Inspect(ctx, b, d)
		}
		f.Devices[i] = c.measured(d)
	}
	if len(placements) < 2 {
		return f, nil
	}
	e, err := devices.NewEquality(b.Schema, b.Config.Tolerance)
	if err != nil {
		return f, err
	}
	err = gates.Ask(ctx, &options, loaded, [2]*gates.Placement{placements[0], placements[1]}, nil, madeUpRows, func(a *gates.Asked) {
		if failure := errors.Join(a.Failures[:]...); failure != nil {
			e.Fail(a.Source, a.Rows, failure.Error())
		} else {
			e.Add(a.Source, a.Rows, a.Answers[0], a.Answers[1])
		}
	})
	f.Equivalence = e.Report()
	return f, err
}

// measured is what the gates have found out about one device.
func (c *Check) measured(d *gates.DeviceReport) devices.Device {
	m := devices.Device{
		Name: d.Device, CPU: d.Device == device.CPU.String(), Missing: d.Reason, Lanes: d.Lanes, Precision: c.precision(d.Device),
		Cold: d.Cold, Target: d.Target,
	}
	if d.Measured {
		m.Warm = d.Curve
	}
	for _, g := range d.Gates {
		if g.Gate == "open" {
			m.Opened = g.Took
		}
	}
	for _, n := range d.Nodes {
		m.Nodes = append(m.Nodes, devices.Nodes{Provider: n.Provider, Count: n.Count})
	}
	stages := schedulerDevices(c.fleet, 1)
	m.Together = !slices.ContainsFunc(stages, func(o policy.DeviceOptions) bool { return o.Name == d.Device && o.Stage > 0 })
	return m
}

// precision are the settings of a device that make its arithmetic coarser than FP32.
func (c *Check) precision(name string) (all []string) {
	for _, d := range c.o.Config.Devices {
		if d.Name != name {
			continue
		}
		for _, s := range []struct {
			on   bool
			what string
		}{
			{d.CUDA.TF32, "tf32"}, {d.TensorRT.FP16, "fp16"}, {d.TensorRT.BF16, "bf16"}, {d.WebGPU.FastTrigonometry, "fast_trigonometry"},
		} {
			if s.on {
				all = append(all, s.what)
			}
		}
	}
	return all
}

// perThousand is the milliseconds that each device of a version takes for 1,000 rows, in batches of its target size.
func perThousand(r *gates.Report) map[string]float64 {
	all := map[string]float64{}
	if r == nil {
		return all
	}
	for i := range r.Devices {
		if d := &r.Devices[i]; d.State == gates.Placed && d.Measured && d.Target > 0 {
			all[d.Device] = float64(d.Curve.PerThousand(d.Target)) / float64(time.Millisecond)
		}
	}
	return all
}
