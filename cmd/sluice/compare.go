package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sluice/compare"
	"sluice/compare/report"
	"sluice/compare/sequence"
	"sluice/internal/ask"
)

// statusUndecided is the exit status of a comparison that has shown nothing, as of a load test whose figures decide nothing.
const statusUndecided = 20

// compareOptions are the flags of a comparison that are no settings.
type compareOptions struct {
	candidate, primary string
	capsules           []string
	inProcess, again   bool
	workers            int
	json               bool
	html               string
	watch, wait        bool
	every              time.Duration
	devices            deviceOptions
}

// compareCommand judges a candidate.
func compareCommand() *cobra.Command {
	var o compareOptions
	cmd := &cobra.Command{
		Use:   "compare MODEL",
		Short: "May the candidate take over? Compare it with the live version",
		Long: `Compare a candidate with the live version of a model, by the criteria of its settings, and print the
verdict and what it rests on.

  sluice compare ranker                     the shadows of a running gateway
  sluice compare ranker --candidate 2 --capsules predictions.parquet
                                            recorded requests, asked again
  sluice compare ranker --candidate 2 --wait --html report.html
  sluice compare ranker --candidate ranker_small:2
                                            a shadow that is of another model
  sluice compare ranker --devices cuda:0,cpu --prices prices.yaml
                                            does the GPU pay?

Without --capsules it asks the admin port of a gateway for its shadow comparisons. With --capsules it asks the
candidate what was recorded in files or folders of the prediction log, and the version that answered once more
(A/A), which shows what is noise. PASS and FAIL are shown, and stay right however often you look.

With --devices both devices answer the same rows, each is put under load by itself in a gateway that is
started for it, and prices turn the highest rate that holds the objective into what a million rows cost. MODEL
is then a bundle's folder, a model file or a name in the models folder. With --seconds 0 nothing is put under
load, and with --throughput the rates are taken as given. The exit status is 10 if the answers differ.

The exit status is 0 for PASS, 10 for FAIL, 20 for WAIT and LOOK, 1 if it could not be compared.`,
		Args: exactArgs("MODEL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.check(cmd.Flags()); err != nil {
				return err
			}
			switch {
			case o.devices.given():
				return compareDevices(cmd, args[0], &o)
			case len(o.capsules) > 0:
				return compareCapsules(cmd, args[0], &o)
			}
			return compareLive(cmd, args[0], &o)
		},
	}
	settingFlags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&o.candidate, "candidate", "", "The `version` to judge, or NAME:VERSION of another model with the same inputs and outputs. Default without --capsules: each shadow.")
	flags.StringArrayVar(&o.capsules, "capsules", nil, "A `file` or folder of the prediction log whose requests are asked again. May be given several times.")
	flags.StringVar(&o.primary, "primary", "", "The `version` whose recorded answers are the reference. Default: that of the first request.")
	flags.BoolVar(&o.again, "again", true, "With --capsules, ask the version that answered once more (A/A), so that noise is no difference.")
	flags.BoolVar(&o.inProcess, "in-process", false, "With --capsules, load the models of the settings and ask them, in place of a gateway that runs.")
	flags.IntVar(&o.workers, "workers", 16, "How many requests are asked at once.")
	flags.BoolVar(&o.json, "json", false, "Print the report as JSON.")
	flags.StringVar(&o.html, "html", "", "Write the report as a page into this `file`, too.")
	flags.BoolVar(&o.watch, "watch", false, "Print a shadow's report again and again.")
	flags.BoolVar(&o.wait, "wait", false, "Wait until no shadow's verdict is WAIT, or it is stopped.")
	flags.DurationVar(&o.every, "every", 5*time.Second, "How often --watch and --wait ask.")
	o.devices.add(flags)
	return cmd
}

// check refuses flags that nothing can be done with.
func (o *compareOptions) check(given *pflag.FlagSet) error {
	name, version, other := strings.Cut(o.candidate, ":")
	switch {
	case given.Changed("candidate") && (name == "" || other && version == ""):
		return usage(fmt.Errorf("--candidate: %q must be a VERSION, or NAME:VERSION of another model", o.candidate))
	case o.workers < 1:
		return usage(fmt.Errorf("--workers: %d must be 1 or more", o.workers))
	case o.every < 100*time.Millisecond:
		return usage(fmt.Errorf("--every: %v must be 100ms or more", o.every))
	case len(o.capsules) > 0 && o.candidate == "":
		return usage(errors.New("--capsules needs --candidate: name the version to judge"))
	case len(o.capsules) > 0 && (o.watch || o.wait):
		return usage(errors.New("--watch and --wait are for shadows of a running gateway, not for --capsules"))
	case len(o.capsules) == 0 && (o.inProcess || o.primary != ""):
		return usage(errors.New("--in-process and --primary are for --capsules"))
	}
	return nil
}

// compareLive prints the comparisons that a gateway makes.
func compareLive(cmd *cobra.Command, model string, o *compareOptions) error {
	port, err := adminPort(cmd)
	if err != nil {
		return err
	}
	for {
		reports, err := o.shadows(cmd.Context(), port, model)
		if err != nil {
			return err
		}
		waiting := o.wait && slices.ContainsFunc(reports, func(r *shadowReport) bool { return r.Verdict == sequence.Wait && r.Shadow.State != "stopped" })
		if !waiting && !o.watch {
			return o.tell(cmd.OutOrStdout(), bareReports(reports))
		}
		if o.watch {
			if err := o.write(cmd.OutOrStdout(), bareReports(reports)); err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout())
			if o.wait && !waiting {
				return verdictStatus(bareReports(reports))
			}
		}
		select {
		case <-time.After(o.every):
		case <-cmd.Context().Done():
			return cmd.Context().Err()
		}
	}
}

// shadowReport is a report with what the command asks of the shadow beside it.
type shadowReport struct {
	compare.Report
	Shadow struct {
		Of        string `json:"of"`
		Candidate struct {
			Version string `json:"version"`
		} `json:"candidate"`
		State string `json:"state"`
		Wrong string `json:"report_error"`
	} `json:"shadow"`
}

// bareReports are the reports alone.
func bareReports(all []*shadowReport) (reports []*compare.Report) {
	for _, r := range all {
		reports = append(reports, &r.Report)
	}
	return reports
}

// shadows are the reports of a model's shadows, or of the candidate's alone.
func (o *compareOptions) shadows(ctx context.Context, port *ask.Admin, model string) ([]*shadowReport, error) {
	var all []*shadowReport
	if err := port.Get(ctx, "/v2/models/"+url.PathEscape(model)+"/shadow", &all); err != nil {
		return nil, err
	}
	for _, r := range all {
		if r.Shadow.Wrong != "" {
			of := compare.Version{Name: cmp.Or(r.Shadow.Of, model), Version: r.Shadow.Candidate.Version}
			return nil, fmt.Errorf("the gateway cannot compare %s with %s: %s", of, model, r.Shadow.Wrong)
		}
	}
	if o.candidate == "" {
		if len(all) == 0 {
			return nil, fmt.Errorf("the gateway compares no shadow with %s: give it one with sluice models shadow, or compare recorded requests with --capsules", model)
		}
		return all, nil
	}
	var names []string
	of := versionOf(model, o.candidate)
	for _, r := range all {
		if r.Candidate.Name == of.Name && r.Candidate.Version == of.Version {
			return []*shadowReport{r}, nil
		}
		names = append(names, r.Candidate.String())
	}
	return nil, fmt.Errorf("%s is no shadow of %s; there %s", of, model, namesOrNone(names))
}

func namesOrNone(names []string) string {
	if len(names) == 0 {
		return "is none"
	}
	return "is " + strings.Join(names, ", ")
}

// versionOf reads VERSION or NAME:VERSION.
func versionOf(model, text string) compare.Version {
	if name, version, other := strings.Cut(text, ":"); other {
		return compare.Version{Name: name, Version: version}
	}
	return compare.Version{Name: model, Version: text}
}

// tell writes the reports, and returns what the process ends with.
func (o *compareOptions) tell(out io.Writer, reports []*compare.Report) error {
	if err := o.write(out, reports); err != nil {
		return err
	}
	return verdictStatus(reports)
}

func (o *compareOptions) write(out io.Writer, reports []*compare.Report) error {
	if o.html != "" {
		if err := o.page(reports); err != nil {
			return err
		}
	}
	if o.json {
		if len(reports) == 1 {
			return writeJSON(out, reports[0])
		}
		return writeJSON(out, reports)
	}
	for i, r := range reports {
		if i > 0 {
			fmt.Fprintln(out)
		}
		if err := report.Text(out, r); err != nil {
			return err
		}
	}
	return nil
}

// page writes one page: of the first report that is not PASS, or of the first.
func (o *compareOptions) page(reports []*compare.Report) error {
	at := max(slices.IndexFunc(reports, func(r *compare.Report) bool { return r.Verdict != sequence.Pass }), 0)
	f, err := os.Create(o.html)
	if err != nil {
		return err
	}
	return errors.Join(report.HTML(f, reports[at]), f.Close())
}

// verdictStatus is FAIL if one fails, and PASS if all pass.
func verdictStatus(reports []*compare.Report) error {
	code := 0
	for _, r := range reports {
		switch {
		case r.Verdict == sequence.Fail:
			return status{statusDiffers, errQuiet}
		case r.Verdict != sequence.Pass:
			code = statusUndecided
		}
	}
	if code != 0 {
		return status{code, errQuiet}
	}
	return nil
}
