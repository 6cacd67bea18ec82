package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"io"

	"github.com/spf13/cobra"

	"sluice/features/look"
	"sluice/features/store"
)

// featuresDumpCommand prints many rows.
func featuresDumpCommand() *cobra.Command {
	group, path, asCSV := "", "", false
	cmd := &cobra.Command{
		Use:   "dump SPEC",
		Short: "Write the rows of a view as JSON lines or CSV",
		Long: `Write rows to standard output: a JSON object on each line, or CSV in the form that features load takes.

SPEC is a file as features load takes it, whose name ends in .yaml, or a model: MODEL.onnx, or its folder. Of an
embedded store all rows are written. Other stores do not list their keys: --keys names a CSV file that has
them, such as the one that was loaded. Rows that are not there are left out.`,
		Args: exactArgs("SPEC"),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, t, err := targetOf(cmd, args[0], group)
			if err != nil {
				return err
			}
			return withStore(cmd.Context(), cfg, t.store, func(ctx context.Context, st store.Store) (err error) {
				var keys []store.Key
				if path == "" {
					keys, err = storedKeys(st, t)
				} else {
					keys, err = fileKeys(path, t.group.Keys)
				}
				if err != nil {
					return err
				}
				out := bufio.NewWriter(cmd.OutOrStdout())
				write := jsonRows(out, t)
				if asCSV {
					write = csvRows(out, t)
				}
				if err := readRows(ctx, st, t, keys, write); err != nil {
					return err
				}
				return out.Flush()
			})
		},
	}
	groupFlag(cmd, &group)
	cmd.Flags().StringVar(&path, "keys", "", "CSV `FILE` with a column for each key, or - for standard input. Default: all keys of an embedded store.")
	cmd.Flags().BoolVar(&asCSV, "csv", false, "Write CSV in place of JSON lines.")
	someSettings(cmd, "onnxruntime.library")
	return cmd
}

func jsonRows(w io.Writer, t featureTarget) func([]store.Key, *store.Rows) error {
	enc := json.NewEncoder(w)
	return func(keys []store.Key, rows *store.Rows) error {
		for i, key := range keys {
			if !look.Found(rows, i) {
				continue
			}
			if err := enc.Encode(newFeatureRow(t, key, rows, i)); err != nil {
				return err
			}
		}
		return nil
	}
}

func csvRows(w io.Writer, t featureTarget) func([]store.Key, *store.Rows) error {
	out := csv.NewWriter(w)
	header := t.csvNames()
	return func(keys []store.Key, rows *store.Rows) error {
		if header != nil {
			_ = out.Write(header) // Error has it
			header = nil
		}
		for i, key := range keys {
			if !look.Found(rows, i) {
				continue
			}
			line := look.KeyTexts(t.group.Keys, key)
			for c := range t.group.Columns {
				line = append(line, look.Value(rows, i, c))
			}
			_ = out.Write(append(line, rowTime(rows, i)))
		}
		out.Flush()
		return out.Error()
	}
}
