package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
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

// sinks are the files of reports, opened before the test: a path that cannot be written to is
// found out first. What was in a file stays until there is a result.
type sinks struct {
	out   io.Writer
	files []sink
	text  bool // standard output has the report as text, not as JSON
}

// sink is a report in a file.
type sink struct {
	path  string
	file  *os.File
	fresh bool // the file was not there
	write func(w io.Writer, r *result.Result, d *loadtest.Detail) error
}

func (f *reportFlags) open(out io.Writer) (*sinks, error) {
	s := &sinks{out: out, text: f.json != "-"}
	for _, path := range []string{f.html, f.hgrm, f.log} {
		if path == "-" {
			return nil, usage(errors.New("only --json can be written to standard output, as -: give the other reports a file"))
		}
	}
	for _, k := range []sink{
		{path: toFile(f.json), write: func(w io.Writer, r *result.Result, _ *loadtest.Detail) error { return result.Write(w, r) }},
		{path: f.html, write: func(w io.Writer, r *result.Result, _ *loadtest.Detail) error { return report.HTML(w, r) }},
		{path: f.hgrm, write: func(w io.Writer, r *result.Result, _ *loadtest.Detail) error { return writeLatencies(w, r) }},
		{path: f.log, write: func(w io.Writer, _ *result.Result, d *loadtest.Detail) error { return d.WriteLog(w) }},
	} {
		if k.path == "" {
			continue
		}
		if err := k.open(s.files); err != nil {
			s.discard()
			return nil, usage(err)
		}
		s.files = append(s.files, k)
	}
	return s, nil
}

// toFile is the path of a report that goes to a file.
func toFile(path string) string {
	if path == "-" {
		return ""
	}
	return path
}

// open opens the file, which must not be one of others.
func (k *sink) open(others []sink) (err error) {
	if k.file, err = os.OpenFile(k.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666); err == nil { //nolint:gosec // a report is for all
		k.fresh = true
		return nil
	}
	if errors.Is(err, fs.ErrExist) {
		k.file, err = os.OpenFile(k.path, os.O_WRONLY, 0)
	}
	if err != nil {
		return fmt.Errorf("cannot write the report: %w", err)
	}
	info, err := k.file.Stat()
	for _, o := range others {
		other, e := o.file.Stat()
		if err == nil && e == nil && info.Mode().IsRegular() && os.SameFile(info, other) {
			_ = k.file.Close() // nothing was written
			return fmt.Errorf("cannot write two reports to %s: give each a file of its own", k.path)
		}
	}
	return nil
}

// discard closes the files where there is nothing to write, and leaves none behind.
func (s *sinks) discard() {
	for _, k := range s.files {
		_ = k.file.Close() // after an error that was told
		if k.fresh {
			_ = os.Remove(k.path)
		}
	}
}

// write writes every report that was asked for, and returns what it could not, a sentence each.
func (s *sinks) write(r *result.Result, d *loadtest.Detail) (faults []error) {
	for _, k := range s.files {
		if err := k.put(r, d); err != nil {
			faults = append(faults, err)
		}
	}
	write := result.Write
	if s.text {
		write = report.Text
	}
	if err := write(s.out, r); err != nil {
		faults = append(faults, fmt.Errorf("cannot write the report to standard output: %w", err))
	}
	return faults
}

func (k *sink) put(r *result.Result, d *loadtest.Detail) error {
	// A device or a pipe has no length to cut.
	_ = k.file.Truncate(0)
	err := k.write(k.file, r, d)
	if closed := k.file.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return fmt.Errorf("cannot write the report: %w", err)
	}
	return nil
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
		s.discard()
		return loadtestError(cmd.Context(), err)
	}
	code := r.Exit.Code
	for _, err := range s.write(r, d) {
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
