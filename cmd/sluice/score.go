package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"sluice/models"
	"sluice/models/bundle"
	"sluice/models/review"
	"sluice/serve"
)

// scoreCommand prints which proofs a version has.
func scoreCommand() *cobra.Command {
	asJSON, least, replayed := false, 0, ""
	cmd := &cobra.Command{
		Use: "score MODEL[:VERSION]", Short: "Count the proofs that a version has, of those that apply",
		Long: `Count the proofs that a version has, of those that apply to it, and say why of each: digest pinned, golden,
batch independence, parity, replay, shadow, canary, way back.

With --admin a running gateway is asked, which has the history: of the version that is named, else of the
live one. Without it the newest version in the models folder is taken through the load gates, and what only a
history tells does not apply. --replay adds what sluice replay --json has found.

The exit status is 1 if fewer than --least proofs passed.`,
		Args: exactArgs("MODEL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			found, err := readReplay(replayed)
			if err != nil {
				return err
			}
			model, version, _ := strings.Cut(args[0], ":")
			var s review.Score
			if cmd.Flags().Changed("admin") {
				s, err = askScore(cmd, model, version)
			} else {
				s, err = rateFolder(cmd, model, version)
			}
			if err != nil {
				return err
			}
			s.Replay(found)
			if asJSON {
				err = writeJSON(os.Stdout, s)
			} else {
				err = printScore(os.Stdout, &s)
			}
			if err == nil && s.Passed < least {
				err = fmt.Errorf("%d proofs passed, and --least asks for %d", s.Passed, least)
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print one JSON object.")
	cmd.Flags().IntVar(&least, "least", 0, "How many proofs must have passed.")
	cmd.Flags().StringVar(&replayed, "replay", "", "A file that sluice replay --json wrote of this version.")
	someSettings(cmd, "admin", "admin_token_file", "models", "onnxruntime.library")
	return cmd
}

// readReplay reads the report of a replay; nil without a file.
func readReplay(path string) (*review.Replayed, error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read what a replay has found: %w", err)
	}
	var r review.Replayed
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, fmt.Errorf("%s is not what sluice replay --json writes: %w", path, err)
	}
	return &r, nil
}

func askScore(cmd *cobra.Command, model, version string) (s review.Score, err error) {
	port, err := adminPort(cmd)
	if err != nil {
		return s, err
	}
	return s, port.Get(cmd.Context(), modelPath(model, "score")+"?"+url.Values{"version": {version}}.Encode(), &s)
}

// rateFolder takes a version in the models folder through the load gates.
func rateFolder(cmd *cobra.Command, model, version string) (s review.Score, err error) {
	cfg, err := settings(cmd.Flags())
	if err != nil {
		return s, err
	}
	library, err := serve.LoadLibrary(cfg.ONNXRuntime.Library)
	if err != nil {
		return s, cfg.Fault("onnxruntime.library", err)
	}
	c, err := serve.OpenCheck(cmd.Context(), &serve.Options{Config: cfg, Log: zap.NewNop(), Blind: blind == "yes"}, library)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	bundles, _, err := models.Find(c.Options)
	if err != nil {
		return s, err
	}
	var b *bundle.Bundle
	for _, other := range bundles { // from old to new
		if other.Name == model && (version == "" || other.Version == version) {
			b = other
		}
	}
	if b == nil {
		return s, fmt.Errorf("%s has no model %s; name one as MODEL or MODEL:VERSION, the folder with --models, or a gateway with --admin", cfg.Models, strings.TrimSuffix(model+":"+version, ":"))
	}
	report, err := models.Check(cmd.Context(), c.Options, b)
	if err != nil {
		return s, err
	}
	if err := b.Discard(); err != nil {
		return s, err
	}
	if v := report.Refusal(); v != nil {
		return s, fmt.Errorf("%s is refused: %s: %s", b.Label(), v.Gate, v.Text)
	}
	return review.Rate(report, nil), nil
}

func printScore(w io.Writer, s *review.Score) error {
	fmt.Fprintf(w, "%s version %s: %d of %d proofs\n", s.Model, s.Version, s.Passed, s.Of)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, p := range s.Proofs {
		fmt.Fprintf(table, "  %s\t%s\t%s\n", p.Name, p.Standing, p.Why)
	}
	return table.Flush()
}
