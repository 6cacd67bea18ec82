package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.uber.org/zap"

	"sluice/compare/devices"
	"sluice/compare/price"
	"sluice/internal/units"
	"sluice/loadtest/result"
	"sluice/models"
	"sluice/models/bundle"
	"sluice/serve"
)

// deviceOptions are the flags of a comparison of devices.
type deviceOptions struct {
	devices, prices, slo, load, throughput string
	seconds, rows                          int

	names     [2]string
	objective result.Objective
	day       price.Day
	known     map[string]float64
}

func (d *deviceOptions) add(flags *pflag.FlagSet) {
	// The setting of that name is the devices of a server; here it is the two that are compared.
	f := flags.Lookup("devices")
	f.Value, f.Usage = (*pairOfDevices)(&d.devices), "The two `devices` to compare, such as cuda:0,cpu. Answers of the second one are held against those of the first."
	flags.StringVar(&d.prices, "prices", "", "A `file` with what an hour of each device costs; docs/compare.md has its form.")
	flags.StringVar(&d.slo, "slo", "p99<20ms", "The `objective` that a replica has to hold: a percentile of the latency of all requests, and at will err.")
	flags.StringVar(&d.load, "load", "", "The load in rows/s as `RATE`, such as 900/s, or MEAN..PEAK for a day that swings between its mean and its peak. Default: what one replica of the slower device is planned for.")
	flags.StringVar(&d.throughput, "throughput", "", "The highest rates in rows/s at the objective as `DEVICE=RATE,...`, in place of a measurement.")
	flags.IntVar(&d.seconds, "seconds", 30, "About how many `seconds` each device is under load; 0 is not at all.")
	flags.IntVar(&d.rows, "rows", 1, "How many `rows` each request has under load.")
}

// pairOfDevices is the value of --devices.
type pairOfDevices string

func (p *pairOfDevices) String() string     { return string(*p) }
func (p *pairOfDevices) Set(t string) error { *p = pairOfDevices(t); return nil }
func (p *pairOfDevices) Type() string       { return "LIST" }

// given tells whether devices are to be compared.
func (d *deviceOptions) given() bool { return d.devices != "" }

// fewestSeconds are those in which a search for the highest rate comes to an end.
const fewestSeconds = 5

// check reads the flags, and refuses those that nothing can be done with.
func (d *deviceOptions) check() (err error) {
	names := strings.Split(d.devices, ",")
	if len(names) != 2 || names[0] == "" || names[1] == "" || names[0] == names[1] {
		return usage(fmt.Errorf("--devices %q does not name two devices: give them as cuda:0,cpu", d.devices))
	}
	d.names = [2]string(names)
	if d.objective, err = result.ParseObjective(d.slo); err != nil {
		return usage(fmt.Errorf("--slo: %w", err))
	}
	if d.day, err = parseDay(d.load); err != nil {
		return usage(fmt.Errorf("--load: %w", err))
	}
	if d.known, err = d.rates(); err != nil {
		return usage(fmt.Errorf("--throughput: %w", err))
	}
	if d.seconds != 0 && (d.seconds < fewestSeconds || d.seconds > 3600) {
		return usage(fmt.Errorf("--seconds %d is not from %d to 3600, or 0 for no load", d.seconds, fewestSeconds))
	}
	if d.rows < 1 || d.rows > 4096 {
		return usage(fmt.Errorf("--rows %d is not from 1 to 4096", d.rows))
	}
	return nil
}

// rates reads the rates that are given.
func (d *deviceOptions) rates() (map[string]float64, error) {
	given := map[string]float64{}
	if d.throughput == "" {
		return given, nil
	}
	for part := range strings.SplitSeq(d.throughput, ",") {
		at := strings.LastIndexByte(part, '=')
		if at < 0 || part[:at] != d.names[0] && part[:at] != d.names[1] {
			return nil, fmt.Errorf("%q does not begin with %s= or %s=", part, d.names[0], d.names[1])
		}
		rate, err := strconv.ParseFloat(part[at+1:], 64)
		if err != nil || !(rate >= 0) || math.IsInf(rate, 0) {
			return nil, fmt.Errorf("%q is not a rate in rows/s from 0 on", part)
		}
		given[part[:at]] = rate
	}
	return given, nil
}

// parseDay reads a load: one rate, or a mean and a peak.
func parseDay(text string) (price.Day, error) {
	if text == "" {
		return price.Day{}, nil
	}
	low, high, swings := strings.Cut(text, "..")
	var rates [2]float64
	for i, part := range []string{low, high} {
		if i == 1 && !swings {
			break
		}
		rate, err := strconv.ParseFloat(strings.TrimSuffix(part, "/s"), 64)
		if err != nil || !(rate > 0) || math.IsInf(rate, 0) {
			return price.Day{}, fmt.Errorf("%q is not a rate above 0, such as 900/s", part)
		}
		rates[i] = rate
	}
	if swings {
		return price.Sine(rates[0], rates[1])
	}
	return price.Steady(rates[0]), nil
}

// compareDevices compares two devices and prints the report.
func compareDevices(cmd *cobra.Command, what string, o *compareOptions) (err error) {
	d := &o.devices
	if err := d.check(); err != nil {
		return err
	}
	if o.candidate != "" || o.watch || o.wait || len(o.capsules) > 0 {
		return usage(errors.New("--devices compares two devices for one model: --candidate, --capsules, --watch and --wait are for candidates"))
	}
	var prices *price.Prices
	if d.prices != "" {
		if prices, err = price.ReadPrices(d.prices); err != nil {
			return err
		}
	}
	path, err := chooseBundle(cmd, what)
	if err != nil {
		return err
	}
	figures, err := d.gates(cmd, path)
	if err != nil {
		return err
	}
	figures.Objective, figures.RowsPerRequest, figures.Prices, figures.Day = d.slo, d.rows, prices, d.day
	for i := range figures.Devices {
		if on := &figures.Devices[i]; on.Missing == "" && figures.Devices[1-i].Missing == "" {
			if err := d.underLoad(cmd, on, path); err != nil {
				return err
			}
		}
	}
	report, err := devices.Compare(figures)
	if err != nil {
		return err
	}
	if o.html != "" {
		f, err := os.Create(o.html)
		if err != nil {
			return err
		}
		if err := errors.Join(devices.HTML(f, report), f.Close()); err != nil {
			return err
		}
	}
	if o.json {
		err = writeJSON(cmd.OutOrStdout(), report)
	} else {
		err = devices.Text(cmd.OutOrStdout(), report)
	}
	if err == nil && report.Verdict.Kind == devices.Differs {
		err = status{statusDiffers, errQuiet}
	}
	return err
}

// chooseBundle finds the one bundle that is named: by the path of a folder or file, or by a name in the models folder. Of
// several versions it is the newest.
func chooseBundle(cmd *cobra.Command, what string) (path string, err error) {
	cfg, err := serverSettings(cmd.Flags())
	if err != nil {
		return "", err
	}
	options := models.Options{}
	name := ""
	if _, err := os.Stat(what); err == nil {
		paths, err := chooseModels(cfg, []string{what})
		if err != nil {
			return "", err
		}
		if options.Paths = paths; len(paths) == 0 {
			options.Dir = cfg.Models
		}
	} else {
		if _, err := chooseModels(cfg, nil); err != nil {
			return "", err
		}
		options.Dir, name = cfg.Models, what
	}
	bundles, _, err := models.Find(options)
	if err != nil {
		return "", err
	}
	var chosen *bundle.Bundle
	for _, b := range bundles {
		if name != "" && b.Name != name {
			continue
		}
		if chosen != nil && chosen.Name != b.Name {
			return "", usage(fmt.Errorf("%s holds more than one model, %s and %s: name one of them", what, chosen.Name, b.Name))
		}
		chosen = b // from old to new
	}
	if chosen == nil {
		return "", fmt.Errorf("there is no model %s, neither as a folder or file nor by its name in %s", what, cfg.Models)
	}
	return chosen.ModelPath(), nil
}

// gates takes the bundle through the load gates on both devices, and has them answer the same rows.
func (d *deviceOptions) gates(cmd *cobra.Command, path string) (f devices.Figures, err error) {
	cfg, err := serverSettings(cmd.Flags())
	if err != nil {
		return f, err
	}
	paths, err := chooseModels(cfg, []string{path})
	if err != nil {
		return f, err
	}
	library, err := serve.LoadLibrary(cfg.ONNXRuntime.Library)
	if err != nil {
		return f, cfg.Fault("onnxruntime.library", err)
	}
	server := serve.Options{Config: cfg, Paths: paths, Log: zap.NewNop(), OnlyDevices: d.names[:]}
	c, err := serve.OpenCheck(cmd.Context(), &server, library)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	bundles, faults, err := models.Find(c.Options)
	if err != nil || len(bundles) != 1 {
		return f, errors.Join(append(faults, err)...)
	}
	f, err = c.CompareDevices(cmd.Context(), bundles[0])
	return f, errors.Join(err, bundles[0].Discard())
}

// underLoad finds the highest rate at the objective: as given, measured, or by the cost table.
func (d *deviceOptions) underLoad(cmd *cobra.Command, on *devices.Device, path string) error {
	if rate, given := d.known[on.Name]; given {
		on.Load = devices.Load{RowsPerSecond: rate, From: devices.Given}
		on.Unmeasured = "it was not put under load"
		return nil
	}
	highest := on.Highest(d.objective.Limit)
	if d.seconds > 0 && (highest > 0 || len(on.Warm) == 0) {
		return d.measure(cmd, on, path)
	}
	on.Load = devices.Load{RowsPerSecond: highest, From: devices.Table}
	if highest == 0 && len(on.Warm) > 0 {
		on.Load.Why = fmt.Sprintf("its quickest run takes %v, and the objective allows %v", units.Round(on.Warm[0].P50), d.objective.Limit)
	}
	on.Unmeasured = "it was not put under load"
	return nil
}

// length is a part of the time that a device is under load.
func (d *deviceOptions) length(part float64) time.Duration {
	return max(time.Duration(part*float64(d.seconds)*float64(time.Second)).Round(100*time.Millisecond), 300*time.Millisecond)
}
