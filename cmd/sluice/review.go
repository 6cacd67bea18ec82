package main

import (
	"cmp"
	"fmt"
	"io"
	"net/url"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"sluice/gateway/http/admin"
	"sluice/models/review"
)

// diffCommand prints what one version changes against another.
func diffCommand() *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{
		Use: "diff MODEL A B", Short: "Show what version B changes against version A",
		Long: `Show what version B of a model changes against version A: its files, the schema that clients see, the
operators of the graph, the settings and where they come from, what batches cost, how the load gates
ended, and what each version answers to the golden rows of the other one. Golden rows run in the
lowest class, and only if both versions are loaded and clients cannot tell their schemas apart.`,
		Args: exactArgs("MODEL", "A", "B"),
		RunE: func(cmd *cobra.Command, args []string) error {
			port, err := adminPort(cmd)
			if err != nil {
				return err
			}
			var d review.Diff
			query := url.Values{"from": {args[1]}, "to": {args[2]}}
			if err := port.Get(cmd.Context(), modelPath(args[0], "diff")+"?"+query.Encode(), &d); err != nil {
				return err
			}
			if asJSON {
				return writeJSON(os.Stdout, d)
			}
			return d.WriteText(os.Stdout, columns(os.Stdout))
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print one JSON object.")
	return asksAdmin(cmd)
}

// verifyCommand prints whether the files of versions are those that were proven.
func verifyCommand() *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{
		Use: "verify [MODEL [VERSION]]", Short: "Read the files of versions again: are they still what was proven?",
		Long: `Read the files of every version on record again, or of one model or one version, and compare them with
what was proven when it was loaded. A loaded version goes on with what was proven, whatever its files
are now: a restart would not. The gateway reads one version at a time, and copies nothing.

The exit status is 1 if the files of a version have changed.`,
		Args: cobra.MaximumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			port, err := adminPort(cmd)
			if err != nil {
				return err
			}
			asked, models := map[string]string{}, args[:min(len(args), 1)]
			if len(args) > 1 {
				asked["version"] = args[1]
			}
			if len(models) == 0 {
				var all []admin.Version
				if err := port.Get(cmd.Context(), "/v2/repository/versions", &all); err != nil {
					return err
				}
				for _, v := range all {
					if n := len(models); n == 0 || models[n-1] != v.Model {
						models = append(models, v.Model)
					}
				}
			}
			found := []review.Files{}
			for _, model := range models {
				var some []review.Files
				if err := port.Ask(cmd.Context(), modelPath(model, "verify"), asked, &some); err != nil {
					return err
				}
				found = append(found, some...)
			}
			if asJSON {
				err = writeJSON(os.Stdout, found)
			} else {
				err = printFiles(os.Stdout, found)
			}
			return cmp.Or(err, changedFiles(found))
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print a JSON array of the versions.")
	return asksAdmin(cmd)
}

func modelPath(model, verb string) string {
	return "/v2/repository/models/" + url.PathEscape(model) + "/" + verb
}

func printFiles(w io.Writer, found []review.Files) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for i := range found {
		fmt.Fprintln(table, found[i].Line())
	}
	return table.Flush()
}

// changedFiles is an error if some version's files have changed.
func changedFiles(found []review.Files) error {
	n := 0
	for i := range found {
		if found[i].Outcome == review.Changed {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d versions have other files than those that were proven", n, len(found))
}
