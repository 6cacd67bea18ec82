package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"sluice/internal/wrap"
	"sluice/loadtest/live"
	"sluice/models"
	"sluice/models/bundle"
	"sluice/models/gates"
	"sluice/serve"
)

// checkOptions are how the outcome of a check is told.
type checkOptions struct {
	json, verbose bool
	// inspect finds what a placed model takes of the machine; nil leaves that out.
	inspect func(ctx context.Context, b *bundle.Bundle, d *gates.DeviceReport) error
	// stores refuses a model that feature stores cannot be found for; nil leaves that out.
	stores func(b *bundle.Bundle, r *gates.Report) error
	// memory adds up what a server with these models needs; nil leaves that out.
	memory func(reports []*gates.Report) *serve.MemoryNeed
}

// checkCommand proves settings and bundles without serving them.
func checkCommand() *cobra.Command {
	var o checkOptions
	cmd := &cobra.Command{
		Use:   "check [DIR | MODEL.onnx ...]",
		Short: "Validate the settings and take each model through the load gates",
		Long: `Validate the settings, and take every model through the load gates without serving it. The
first lines say for each version whether it would be served, or is older than those that
a server loads, and which rungs of ladders would answer no request. Then follow its inputs and outputs, its budget, how its rows share runs and
what shows that they may, each gate's verdict, and for each device the cost table, the
memory and the nodes that run there. The last lines say how much memory a server needs with
these settings and models, and whether it fits into what there is.

The exit status is 0 if every model is served as its settings ask; 1 if a setting is
wrong, a configured device is unusable, a model is refused or required and not there, or
a model is not served on a device that its settings name, such as one whose answers
differ; 2 for a command line that is not understood.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			tellStrays()
			cfg, err := serverSettings(cmd.Flags())
			if err != nil {
				return err
			}
			paths, err := chooseModels(cfg, args)
			if err != nil {
				return err
			}
			library, err := serve.LoadLibrary(cfg.ONNXRuntime.Library)
			if err != nil {
				return cfg.Fault("onnxruntime.library", err)
			}
			server := serve.Options{Config: cfg, Paths: paths, Log: zap.NewNop(), Blind: blind == "yes"}
			unusable := serve.TryDevices(cmd.Context(), &server, library)
			err = errors.Join(unusable, checkOnDevices(cmd, &server, library, o))
			if o.verbose && !o.json {
				fmt.Printf("settings, and where each comes from\n\n%s", cfg.Annotated(false))
			}
			return err
		},
	}
	settingFlags(cmd)
	cmd.Flags().BoolVar(&o.json, "json", false, "Print one JSON object for each model, on a line, and a last one of the memory that a server needs.")
	cmd.Flags().BoolVarP(&o.verbose, "verbose", "v", false, "Print the settings that hold, too, and what could not be measured.")
	return cmd
}

// checkOnDevices takes the models through the gates on the devices of a server with these options.
func checkOnDevices(cmd *cobra.Command, server *serve.Options, library string, o checkOptions) (err error) {
	c, err := serve.OpenCheck(cmd.Context(), server, library)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	if err := c.OpenStores(); err != nil {
		return err
	}
	o.inspect, o.stores, o.memory = c.Inspect, c.Stores, c.Memory
	return check(cmd, c.Options, o)
}

// check takes the models that are found through the gates and tells of each.
func check(cmd *cobra.Command, options models.Options, o checkOptions) error {
	bundles, faults, err := models.Find(options)
	if err != nil {
		return err
	}
	reports := make([]*gates.Report, 0, len(bundles))
	refused, otherwise := len(faults), 0
	progress := newProgress(len(bundles))
	told := 0
	for i, b := range bundles {
		progress.begin(b.Label())
		report, err := models.Check(cmd.Context(), options, b)
		if err != nil {
			progress.end()
			return err
		}
		if o.stores != nil {
			if err := o.stores(b, report); err != nil {
				progress.end()
				return err
			}
		}
		o.inspectAll(cmd.Context(), b, report)
		if err := b.Discard(); err != nil {
			return err
		}
		progress.end()
		if report.Refusal() != nil {
			refused++
		} else if len(report.Faults()) > 0 {
			otherwise++
		}
		if reports = append(reports, report); i+1 < len(bundles) && bundles[i+1].Name == b.Name {
			continue
		}
		for models.NoteKept(options, bundles[told:i+1], reports[told:]); told <= i; told++ { // all versions of a model
			if o.json { // a report for programs is printed as soon as it is there
				if err := reports[told].WriteJSON(os.Stdout); err != nil {
					return err
				}
			}
		}
	}
	if err := o.tell(reports, faults, models.BrokenRungs(bundles, reports)); err != nil {
		return err
	}
	missing := models.Missing(options, reports)
	for _, name := range missing {
		fmt.Fprintf(os.Stderr, "sluice: '%s' is required and there is no such model: a server with these settings is never ready; see the setting require\n", name)
	}
	switch {
	case len(bundles) == 0 && refused == 0:
		return errors.New(serve.NoModels(options.Dir))
	case len(missing) > 0:
		return fmt.Errorf("%d of %d required models are not there", len(missing), len(options.Require))
	case refused > 0:
		return fmt.Errorf("%d of %d models are refused", refused, len(bundles)+len(faults))
	case otherwise > 0:
		return fmt.Errorf("%d of %d models cannot be served on every device that the settings name", otherwise, len(bundles))
	}
	return nil
}

// inspectAll finds what the model takes on each device that serves it.
func (o *checkOptions) inspectAll(ctx context.Context, b *bundle.Bundle, r *gates.Report) {
	if o.inspect == nil || r.Refusal() != nil {
		return
	}
	for i := range r.Devices {
		d := &r.Devices[i]
		if d.State != gates.Placed {
			continue
		}
		if err := o.inspect(ctx, b, d); err != nil && o.verbose {
			fmt.Fprintf(os.Stderr, "sluice: cannot tell what %s takes on %s: %v\n", b.Label(), d.Device, err)
		}
	}
}

// unbroken is wider than any text: a line that is searched or read by a program stays whole.
const unbroken = 1 << 20

// tell prints what became of each model, the results first, and which rungs of ladders answer no request. With JSON the reports are
// out already.
func (o *checkOptions) tell(reports []*gates.Report, faults []error, rungs []string) error {
	if o.json {
		for _, fault := range faults {
			fmt.Fprintln(os.Stderr, "sluice:", fault)
		}
		for _, rung := range rungs {
			fmt.Fprintln(os.Stderr, "sluice:", rung)
		}
		if len(reports) > 0 && o.memory != nil {
			return o.memory(reports).WriteJSON(os.Stdout)
		}
		return nil
	}
	w := bufio.NewWriter(os.Stdout)
	width := columns(os.Stdout)
	if width == 0 {
		width = unbroken
	}
	if err := gates.WriteResults(w, reports, width); err != nil {
		return err
	}
	for _, fault := range faults {
		fmt.Fprintln(w, strings.Join(wrap.Lines("REFUSED: "+fault.Error(), width), "\n"))
	}
	for _, rung := range rungs {
		fmt.Fprintln(w, strings.Join(wrap.Lines("LADDER: "+rung, width), "\n"))
	}
	for _, r := range reports {
		fmt.Fprintln(w)
		if err := r.WriteText(w, width); err != nil {
			return err
		}
	}
	if len(reports) > 0 && o.memory != nil {
		fmt.Fprintln(w)
		o.memory(reports).WriteText(w)
	}
	if len(reports) > 0 {
		fmt.Fprintln(w)
	}
	return w.Flush()
}

// progress says on a terminal which model is being checked: it can take seconds each.
type progress struct {
	shown bool
	n, of int
}

func newProgress(of int) *progress {
	tty, _ := live.Terminal(os.Stderr)
	return &progress{shown: tty, of: of}
}

func (p *progress) begin(label string) {
	p.n++
	if p.shown {
		fmt.Fprintf(os.Stderr, "\r\x1b[Kchecking %s (%d of %d)", label, p.n, p.of)
	}
}

func (p *progress) end() {
	if p.shown {
		fmt.Fprint(os.Stderr, "\r\x1b[K")
	}
}
