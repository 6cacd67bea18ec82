package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"sluice/predlog/query"
)

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
