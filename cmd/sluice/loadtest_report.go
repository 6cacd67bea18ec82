package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"sluice/internal/remedy"
	"sluice/loadtest"
	"sluice/loadtest/live"
	"sluice/loadtest/report"
	"sluice/loadtest/result"
)

// reportFlags say where what was found goes.
type reportFlags struct {
	json, html, hgrm, log, ui string
}

// add adds the flags. The files for HdrHistogram's own tools are those of a single run.
func (f *reportFlags) add(g *flagGroups, single bool) {
	flags := g.group("What is shown and written")
	flags.StringVar(&f.ui, "ui", "auto", "`what` is shown meanwhile: auto, live, plain or none")
	flags.StringVar(&f.json, "json", "", "write the result as JSON to this `file`; - is standard output, without the text")
	flags.StringVar(&f.html, "html", "", "write the report as one HTML page to this `file`")
	if single {
		flags.StringVar(&f.hgrm, "hgrm", "", "write the response latency's distribution in HdrHistogram's text form to this `file`")
		flags.StringVar(&f.log, "hdr-log", "", "write a histogram of each second in HdrHistogram's log form to this `file`")
	}
}

// open opens the files of the reports.
func (f *reportFlags) open(out io.Writer) (*report.Files, error) {
	for _, path := range []string{f.html, f.hgrm, f.log} {
		if path == "-" {
			return nil, usage(errors.New("only --json can be written to standard output, as -: give the other reports a file"))
		}
	}
	files, err := report.Open(out, report.Paths{JSON: f.json, HTML: f.html, HGRM: f.hgrm, Log: f.log})
	if err != nil {
		return nil, usage(err)
	}
	return files, nil
}

// with runs a test between opening and writing its reports, with a view, and ends with the
// result's exit status.
func (f *loadtestFlags) with(cmd *cobra.Command, o *loadtest.Options, test func(ctx context.Context) (*result.Result, *loadtest.Detail, error)) error {
	view, err := f.report.view(cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	s, err := f.report.open(cmd.OutOrStdout())
	if err != nil {
		return err
	}
	r, d, err := watched(cmd.Context(), view, o, test)
	if err != nil {
		s.Discard()
		return loadtestError(cmd.Context(), err)
	}
	code := r.Exit.Code
	for _, err := range s.Write(r, d) {
		fmt.Fprintln(cmd.ErrOrStderr(), "sluice:", err)
		if code == result.ExitOK {
			code = result.ExitUsage
		}
	}
	if code != result.ExitOK {
		return status{code, errQuiet}
	}
	return nil
}

// watched runs a test under a view, which gives the terminal back whatever happens.
func watched(ctx context.Context, v *live.View, o *loadtest.Options, test func(ctx context.Context) (*result.Result, *loadtest.Detail, error)) (*result.Result, *loadtest.Detail, error) {
	defer v.Close()
	o.View = v
	return test(ctx)
}

// view is what is shown while a test goes on.
func (f *reportFlags) view(w io.Writer) (*live.View, error) {
	o := live.Options{NoColor: os.Getenv("NO_COLOR") != ""}
	var tty bool
	if file, ok := w.(*os.File); ok {
		tty, o.Width = live.Terminal(file)
	}
	switch f.ui {
	case "auto":
		o.TTY = tty && os.Getenv("TERM") != "dumb"
	case "live":
		if !tty {
			return nil, usage(errors.New("--ui live needs a terminal; --ui plain does not"))
		}
		o.TTY = true
	case "plain":
		o.Mode = live.Plain
	case "none":
		o.Mode = live.None
	default:
		return nil, usage(fmt.Errorf("--ui %q is not one of auto, live, plain and none", f.ui))
	}
	return live.New(w, o), nil
}

func loadtestReportCommand() *cobra.Command {
	var page string
	cmd := &cobra.Command{
		Use:   "report RESULT.json...",
		Short: "Show saved results again, or several side by side",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage(errors.New("report takes at least one result that --json wrote"))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			var results []*result.Result
			for _, path := range args {
				r, err := readResult(path)
				if err != nil {
					return usage(err)
				}
				results = append(results, r)
			}
			return showResults(cmd.OutOrStdout(), page, results)
		},
	}
	cmd.Flags().StringVar(&page, "html", "", "also write one HTML page to this `file`")
	return cmd
}

func readResult(path string) (*result.Result, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read a result: %w", remedy.Whole(err))
	}
	defer f.Close()
	r, err := result.Read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

func showResults(out io.Writer, page string, results []*result.Result) error {
	text := func(w io.Writer) error { return report.CompareText(w, results...) }
	html := func(w io.Writer) error { return report.CompareHTML(w, results...) }
	if len(results) == 1 {
		text = func(w io.Writer) error { return report.Text(w, results[0]) }
		html = func(w io.Writer) error { return report.HTML(w, results[0]) }
	}
	if page != "" {
		f, err := os.Create(page)
		if err != nil {
			return usage(fmt.Errorf("cannot write the report: %w", err))
		}
		if err := errors.Join(html(f), f.Close()); err != nil {
			return usage(fmt.Errorf("cannot write the report %s: %w", page, err))
		}
	}
	return text(out)
}
