package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sluice/internal/remedy"
	"sluice/predlog"
	"sluice/predlog/query"
	"sluice/predlog/table"
)

// logCommand reads a prediction log.
func logCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "log",
		Short: "Read a prediction log",
		Long: `Read the prediction log that a server keeps in prediction_log.dir.

  sluice log find ID               which model answered this request, and how?
  sluice log flatten FILE.parquet  a column for each tensor, for who trains
  sluice log join LABELS.parquet   recorded rows with labels that came later`,
		Args: noCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(findCommand(), flattenCommand(), joinCommand())
	return cmd
}

// findCommand looks for the record of a request.
func findCommand() *cobra.Command {
	dir, asJSON := "", false
	cmd := &cobra.Command{
		Use:   "find ID",
		Short: "Find the record of a request by its id",
		Long: `Look for a request by its id, the answer's X-Request-Id, in the files of a prediction log, those too that are
being written; what was answered just now is waited for, up to a second.
Without --dir the folder is that of the settings, prediction_log.dir.

The exit status is 0 if there is a record, 1 if there is none.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 || args[0] == "" {
				return usage(fmt.Errorf("%s takes one ID, not %q; --help says more", cmd.CommandPath(), strings.Join(args, " ")))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if dir == "" {
				cfg, err := settings(cmd.Flags())
				if err != nil {
					return err
				}
				if dir = cfg.PredictionLog.Dir; dir == "" {
					return usage(errors.New("no folder of a prediction log is named: name it with --dir, or set prediction_log.dir"))
				}
			}
			return findRecord(cmd.OutOrStdout(), dir, args[0], asJSON)
		},
	}
	configFlag(cmd)
	cmd.Flags().StringVar(&dir, "dir", "", "The `folder` of the prediction log.")
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print each record as a line of JSON, its tensors in base64.")
	return cmd
}

// fresh is how old a record may be that is not in a file yet: the server writes ten times a second.
const fresh = time.Second

// grows reports whether a folder has a file that a server may be writing.
func grows(dir string) bool {
	all, err := predlog.List(dir)
	return err == nil && slices.ContainsFunc(all, func(f predlog.Entry) bool { return !f.Table })
}

// findRecord prints the records of an id. Of a request that was answered just now it waits for the record.
func findRecord(out io.Writer, dir, id string, asJSON bool) error {
	found := 0
	for end := time.Now().Add(fresh); ; time.Sleep(fresh / 10) {
		err := query.Find(dir, id, func(file string, r *table.Row) error {
			found++
			if asJSON {
				return writeJSON(out, r)
			}
			return writeRecord(out, file, r)
		})
		if err != nil {
			return err
		}
		if found > 0 || time.Now().After(end) || !grows(dir) {
			break
		}
	}
	if found == 0 {
		return fmt.Errorf("no record in %s has the id %s: it was not chosen (prediction_log.sample, prediction_log.index), its file was removed, or it reached no model", dir, id)
	}
	return nil
}

// writeRecord tells of a record in a few lines.
func writeRecord(out io.Writer, file string, r *table.Row) error {
	what := "answered by"
	if r.Status != "OK" {
		what = r.Status + " from"
	}
	text := fmt.Sprintf("%s  %s  %s %s version %s\n", r.ID, r.Time.Format(time.RFC3339Nano), what, r.Model, r.Version)
	if r.Digest != "" {
		text += "  digest   " + r.Digest + "\n"
	}
	if r.Role != nil {
		text += "  role     " + *r.Role
		if r.Exposure != nil {
			text += inBrackets(*r.Exposure)
		}
		text += "\n"
	}
	if r.Device != "" {
		text += fmt.Sprintf("  ran on   %s in a batch of %d%s\n", r.Device, r.Batch, inBrackets(r.Reason))
	}
	late := ""
	if r.Late {
		late = ", late"
	}
	text += fmt.Sprintf("  took     %v of %v%s: decode %v, queue %v, input %v, run %v, output %v, encode %v\n", time.Duration(r.TotalNS), time.Duration(r.BudgetNS), late,
		time.Duration(r.DecodeNS), time.Duration(r.QueueNS), time.Duration(r.InputNS), time.Duration(r.RunNS), time.Duration(r.OutputNS), time.Duration(r.EncodeNS))
	switch {
	case r.Weight > 0:
		text += fmt.Sprintf("  kept     by the sample, weight %g\n", r.Weight)
	case r.KeptFor != "":
		text += "  kept     as " + r.KeptFor + "\n"
	}
	if r.Tensors != table.TensorsKept {
		text += "  tensors  " + absent[r.Tensors] + "\n"
	}
	for _, side := range []struct {
		name string
		list []table.Tensor
	}{{"input", r.Inputs}, {"output", r.Outputs}} {
		for i := range side.list {
			t := &side.list[i]
			text += fmt.Sprintf("  %-8s %s %s %v, %d bytes\n", side.name, t.Name, t.Datatype, t.Shape, len(t.Raw))
		}
	}
	_, err := fmt.Fprintf(out, "%s  file     %s\n", text, file)
	return err
}

// absent says why a record has no tensors.
var absent = map[string]string{
	table.TensorsNotSampled: "not sampled",
	table.TensorsCapped:     "not kept: its kind had its share of the second (prediction_log.keep)",
	table.TensorsTooLarge:   "not kept: they are too large for a record",
}

func inBrackets(text string) string {
	if text == "" {
		return ""
	}
	return " (" + text + ")"
}

// flattenCommand writes a file of a prediction log with a column for each tensor.
func flattenCommand() *cobra.Command {
	to := ""
	cmd := &cobra.Command{
		Use:   "flatten FILE",
		Short: "Write a file of the log with a column for each tensor",
		Long: `Write a Parquet file of a prediction log again, with a column for each tensor: in.NAME and out.NAME, lists of
elements, and their shapes in in.NAME.shape. Integers are 64 bits wide, FP16 and BF16 are floats, strings
and hashes are binary. A row without a tensor has null there. Where tensors of one name have several
datatypes, each has a column with the datatype behind its name.`,
		Args: exactArgs("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if to == "" {
				to = strings.TrimSuffix(args[0], ".parquet") + ".flat.parquet"
			}
			if err := writeWhole(to, func(out *os.File) error { return query.Flatten(args[0], out) }); err != nil {
				return err
			}
			_, err := fmt.Fprintln(cmd.OutOrStdout(), to)
			return err
		},
	}
	cmd.SetUsageFunc(writePlainUsage)
	cmd.Flags().StringVar(&to, "out", "", "The `file` to write; else FILE with .flat.parquet in place of .parquet.")
	return cmd
}

// joinCommand joins labels that came later with what was asked.
func joinCommand() *cobra.Command {
	log, key, to := "", "", ""
	cmd := &cobra.Command{
		Use:   "join LABELS.parquet",
		Short: "Join labels that came later with the recorded rows",
		Long: `Join labels that came later with the recorded rows that they are of, for who trains. The file of labels has a
column id with the requests' ids and, where the rows of a request are told apart by an input, a column
key with that input's value; its other columns with single values are the labels. Without a key a label is
of all rows of its request.

The result has a row for each label: the columns of sluice log flatten with the row's part of each tensor,
row, its number in the request, and label.NAME. Labels are held in memory. How many found no recorded row
is said at the end.`,
		Args: exactArgs("LABELS.parquet"),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := settings(cmd.Flags())
			if err != nil {
				return err
			}
			if log = cmp.Or(log, cfg.PredictionLog.Dir); log == "" {
				return usage(errors.New("no prediction log is named: name a file or a folder with --log, or set prediction_log.dir"))
			}
			var joined query.Joined
			if err := writeWhole(to, func(out *os.File) (err error) {
				joined, err = query.Join(log, args[0], cmp.Or(key, cfg.PredictionLog.RowKey), out)
				return err
			}); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %d rows; %d of %d labels found one\n", to, joined.Rows, joined.Found, joined.Labels)
			return err
		},
	}
	configFlag(cmd)
	cmd.Flags().StringVar(&log, "log", "", "The `file` or folder of the prediction log; else prediction_log.dir.")
	cmd.Flags().StringVar(&key, "key", "", "The `input` that tells the rows of a request apart; else prediction_log.row_key.")
	cmd.Flags().StringVar(&to, "out", "joined.parquet", "The `file` to write.")
	return cmd
}

// writeWhole writes a file under a temporary name first, so that none is there by halves.
func writeWhole(path string, write func(*os.File) error) (err error) {
	part := path + ".tmp"
	out, err := os.Create(part)
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", path, remedy.Written(err))
	}
	if err := errors.Join(write(out), out.Close()); err != nil {
		_ = os.Remove(part)
		return err
	}
	return os.Rename(part, path)
}
