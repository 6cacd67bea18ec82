package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sluice/loadtest"
	"sluice/loadtest/live"
	"sluice/loadtest/report"
	"sluice/loadtest/result"
)

// reportFlags say where what was found goes.
type reportFlags struct {
	json, html, hgrm, log, ui string
}

func (f *reportFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.json, "json", "", "write the result as JSON to this `file`; - is standard output, without the text")
	flags.StringVar(&f.html, "html", "", "write the report as one HTML page to this `file`")
	flags.StringVar(&f.hgrm, "hgrm", "", "write the response latency's distribution in HdrHistogram's text form to this `file`")
	flags.StringVar(&f.log, "hdr-log", "", "write a histogram of each second in HdrHistogram's log form to this `file`")
	flags.StringVar(&f.ui, "ui", "auto", "what is shown meanwhile: auto, live, plain or none")
}

// sinks are the files of reports, opened before the test: a path that cannot be written to is
// found out first.
type sinks struct {
	flags *reportFlags
	out   io.Writer
	files map[string]*os.File
}

func (f *reportFlags) open(out io.Writer) (*sinks, error) {
	s := &sinks{flags: f, out: out, files: map[string]*os.File{}}
	for _, path := range []string{f.json, f.html, f.hgrm, f.log} {
		if path == "" || path == "-" || s.files[path] != nil {
			continue
		}
		file, err := os.Create(path)
		if err != nil {
			s.close()
			return nil, usage(fmt.Errorf("cannot write the report: %w", err))
		}
		s.files[path] = file
	}
	return s, nil
}

func (s *sinks) close() {
	for _, f := range s.files {
		_ = f.Close() // after an error that was told
	}
}

// write writes every report that was asked for, and says in one sentence each what it could not.
func (s *sinks) write(r *result.Result, d *loadtest.Detail) error {
	var faults []error
	to := func(path string, write func(w io.Writer) error) {
		if path == "" {
			return
		}
		w, file := s.out, s.files[path]
		if file != nil {
			w = file
		}
		err := write(w)
		if file != nil {
			err = errors.Join(err, file.Close())
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("cannot write the report %s: %w", path, err))
		}
	}
	to(s.flags.json, func(w io.Writer) error { return result.Write(w, r) })
	to(s.flags.html, func(w io.Writer) error { return report.HTML(w, r) })
	to(s.flags.hgrm, func(w io.Writer) error { return writeLatencies(w, r) })
	to(s.flags.log, func(w io.Writer) error { return d.WriteLog(w) })
	if s.flags.json != "-" {
		if err := report.Text(s.out, r); err != nil {
			faults = append(faults, fmt.Errorf("cannot write the report: %w", err))
		}
	}
	return errors.Join(faults...)
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
		s.close()
		return loadtestError(err)
	}
	code := r.Exit.Code
	if err := s.write(r, d); err != nil {
		if code == result.ExitOK {
			code = result.ExitUsage
		}
		return status{code, err}
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
		return nil, fmt.Errorf("cannot read a result: %w", err)
	}
	defer f.Close()
	r, err := result.Read(f)
	if err != nil {
		return nil, fmt.Errorf("cannot read the result %s: %w", path, err)
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
