package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"sluice/internal/remedy"
	"sluice/predlog/query"
)

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
