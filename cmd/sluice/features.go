package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"sluice/features/load"
	"sluice/internal/units"
	"sluice/loadtest/live"
	"sluice/serve"
)

// featuresCommand holds what is done to feature stores.
func featuresCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "features",
		Short: "Load the rows of features into stores, and look at them",
		Long: `Load the rows of features into the stores that the settings name under feature_stores, and look at them.

  sluice features load SPEC FILE           make a file the next generation
  sluice features load --upsert SPEC FILE  replace rows by those that are newer
  sluice features rollback SPEC            go back to the generation before
  sluice features check SPEC               do stores have what a model wants?
  sluice features get SPEC KEY...          the rows of some entities
  sluice features dump SPEC                many rows, as JSON or CSV`,
		Args: noCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(featuresLoadCommand(), featuresRollbackCommand(), featuresCheckCommand(), featuresGetCommand(), featuresDumpCommand())
	return cmd
}

// featuresLoadCommand loads a file.
func featuresLoadCommand() *cobra.Command {
	var o load.Options
	upsert, asJSON, memory, pages := false, false, 64, 1024
	cmd := &cobra.Command{
		Use:   "load SPEC FILE",
		Short: "Load a Parquet or CSV file into a feature store",
		Long: `Make the rows of a Parquet or CSV file the next generation of a view in a feature store. They are sorted by
key, written in chunks and read back; then readers see all of them, in place of the generation before, within
a second. That one stays for the way back. A load that was ended is resumed by the same command.

The spec is a file that says which columns of the file become what:

  store: hot                          # one of feature_stores
  view: user_stats                    # what the store calls it
  keys:
    - {name: user_id, type: INT64}    # INT64, INT32 or BYTES
  columns:
    - {name: orders_30d, type: FP32}
    - {name: embedding, type: FP16, width: 16, from: emb}
  time: {from: event_timestamp}       # unit: s, ms, us or ns of plain numbers

With --upsert each row goes to the generation that readers see, and to one that is being loaded, where it is
newer than what is there.`,
		Args: exactArgs("SPEC", "FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if memory < 1 || memory > 1<<20 {
				return usage(fmt.Errorf("--memory: %d must be 1 to %d", memory, 1<<20))
			}
			if pages < 1 || pages > 1<<20 {
				return usage(fmt.Errorf("--page-memory: %d must be 1 to %d", pages, 1<<20))
			}
			o.MemoryBytes, o.PageBytes = memory<<20, pages<<20
			return withWriter(cmd, args[0], func(spec *load.Spec, w load.Writer) error {
				bar := newLoadProgress()
				o.Progress = bar.show
				do := load.Load
				if upsert {
					do = load.Upsert
				}
				result, err := do(cmd.Context(), spec, args[1], w, o)
				bar.end()
				switch {
				case err != nil:
					return err
				case asJSON:
					return writeJSON(cmd.OutOrStdout(), result)
				}
				tellLoad(cmd.OutOrStdout(), spec, result, upsert)
				return nil
			})
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&upsert, "upsert", false, "Replace the rows that are older, in place of loading a generation.")
	flags.BoolVar(&asJSON, "json", false, "Print the result as JSON.")
	flags.IntVar(&o.ChunkRows, "chunk", 500, "How many `rows` are written, and read back, at a time. CockroachDB is well served by 25.")
	flags.IntVar(&o.RowsPerSecond, "rate", 0, "The most `rows` that are written in a second. Default 0: no bound.")
	flags.IntVar(&memory, "memory", memory, "How many `MiB` of rows are sorted in memory; what is beyond goes to --dir.")
	flags.IntVar(&pages, "page-memory", pages, "The most `MiB` that pages of a Parquet file may take at a time, decoded. A file that claims more is refused.")
	flags.StringVar(&o.Folder, "dir", "", "The `folder` for rows that do not fit into memory. Default: the system's for temporary files.")
	configFlag(cmd)
	return cmd
}

// featuresRollbackCommand takes the way back.
func featuresRollbackCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rollback SPEC",
		Short: "Go back to the generation of features before",
		Long: `Have readers see the generation that they saw before the last load, within a second. The same command again
takes that back. The next load ends the way back.`,
		Args: exactArgs("SPEC"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withWriter(cmd, args[0], func(spec *load.Spec, w load.Writer) error {
				if err := w.Rollback(cmd.Context()); err != nil {
					return err
				}
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "view %s: the generation before is visible\n", spec.View)
				return err
			})
		},
	}
	configFlag(cmd)
	return cmd
}

// withWriter lends the writer of a spec's view.
func withWriter(cmd *cobra.Command, path string, do func(*load.Spec, load.Writer) error) error {
	cfg, err := settings(cmd.Flags())
	if err != nil {
		return err
	}
	spec, err := load.ReadSpec(path)
	if err != nil {
		return err
	}
	w, err := serve.FeatureWriter(cfg, spec.Store, spec.View)
	if err != nil {
		return fmt.Errorf("spec %s: %w", path, err)
	}
	err = do(spec, w)
	if closed := w.Close(); err == nil {
		err = closed
	}
	return err
}

// tellLoad prints what a load has done.
func tellLoad(w io.Writer, spec *load.Spec, r load.Result, upsert bool) {
	switch {
	case upsert:
		fmt.Fprintf(w, "view %s: %s upserted\n", spec.View, units.Count(int(r.Read), "row"))
		return
	case r.Already:
		fmt.Fprintf(w, "view %s: generation %d is this file's already, with %s\n", spec.View, r.Generation, units.Count(int(r.Rows), "row"))
		return
	}
	fmt.Fprintf(w, "view %s: generation %d is visible, with %s", spec.View, r.Generation, units.Count(int(r.Rows), "row"))
	if r.Read > r.Rows {
		fmt.Fprintf(w, " of the file's %d: the newest of each key", r.Read)
	}
	if r.Resumed > 0 {
		fmt.Fprintf(w, "; %d were there from an earlier try", r.Resumed)
	}
	if r.Newer > 0 {
		fmt.Fprintf(w, "; %d were replaced by newer ones meanwhile", r.Newer)
	}
	fmt.Fprintln(w)
}

// loadProgress says on a terminal how far a load has come.
type loadProgress struct {
	shown bool
	next  time.Time
}

// barEach is how often the line is drawn anew.
const barEach = 100 * time.Millisecond

func newLoadProgress() *loadProgress {
	tty, _ := live.Terminal(os.Stderr)
	return &loadProgress{shown: tty}
}

func (p *loadProgress) show(at load.Progress) {
	now := time.Now()
	if !p.shown || now.Before(p.next) {
		return
	}
	p.next = now.Add(barEach)
	fmt.Fprintf(os.Stderr, "\r\x1b[K%s", progressLine(at))
}

// progressLine is the line: a bar where the end is known.
func progressLine(at load.Progress) string {
	if at.Of == 0 {
		return fmt.Sprintf("%-9s %12d rows", at.Stage, at.Rows)
	}
	const width = 30
	var bar [width]byte
	for i := range bar {
		bar[i] = '.'
		if int64(i)*at.Of < at.Rows*width {
			bar[i] = '#'
		}
	}
	return fmt.Sprintf("%-9s %12d of %d rows [%s]", at.Stage, at.Rows, at.Of, bar[:])
}

func (p *loadProgress) end() {
	if p.shown {
		fmt.Fprint(os.Stderr, "\r\x1b[K")
	}
}
