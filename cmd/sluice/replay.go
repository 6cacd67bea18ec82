package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"sluice/config"
	"sluice/internal/ask"
	"sluice/predlog/query"
	"sluice/predlog/replay"
	"sluice/predlog/table"
	"sluice/serve"
)

// statusDiffers is the exit status of a replay that found a difference, as of a load test that failed its
// thresholds.
const statusDiffers = 10

// replayOptions are the flags of a replay that are no settings.
type replayOptions struct {
	model, of, dir  string
	inProcess, json bool
	workers, worst  int
}

// replayCommand asks recorded requests again.
func replayCommand() *cobra.Command {
	var o replayOptions
	cmd := &cobra.Command{
		Use:   "replay FILE|DIR|ID",
		Short: "Ask recorded requests again and compare the answers",
		Long: `Ask the requests of a prediction log again: those of a file, of all files of a folder, or of one id, and compare
the answers with the recorded ones, within the tolerance of the model that is asked. Rows without inputs, with
redacted ones, without an answer, and of models that are not meant are counted and not asked.

  sluice replay predictions-20261201T120000.000000000Z.parquet --model ranker:4
  sluice replay /var/lib/sluice/predictions --in-process --models models

It asks the gateway that listens at --listen, or with --in-process the models of the settings, which it
loads for that.

The exit status is 0 if all answers agree, 10 if one differs, 1 if one could not be had.`,
		Args: exactArgs("FILE|DIR|ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := serverSettings(cmd.Flags())
			if err != nil {
				return err
			}
			model, err := o.check()
			if err != nil {
				return err
			}
			rows, err := rowsToReplay(cfg, args[0], o.dir)
			if err != nil {
				return err
			}
			report, err := replayAt(cmd.Context(), cfg, &o, model, rows)
			if err != nil {
				return err
			}
			return tellReplay(cmd.OutOrStdout(), &report, o.json)
		},
	}
	settingFlags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&o.model, "model", "", "The model to ask, as `NAME[:VERSION]`; without VERSION the live one. Default: what each row names.")
	flags.StringVar(&o.of, "of", "", "The `name` of the model whose rows are asked. Default: the name in --model, else all.")
	flags.StringVar(&o.dir, "dir", "", "The `folder` to look for an ID in; else prediction_log.dir.")
	flags.BoolVar(&o.inProcess, "in-process", false, "Load the models of the settings and ask them, in place of a gateway that runs.")
	flags.BoolVar(&o.json, "json", false, "Print the report as JSON.")
	flags.IntVar(&o.workers, "workers", 32, "How many requests are asked at once.")
	flags.IntVar(&o.worst, "worst", 10, "How many of the rows that differ most are shown.")
	return cmd
}

// check refuses flags that nothing can be done with, and reads which model they name.
func (o *replayOptions) check() (m replay.Model, err error) {
	if o.workers < 1 {
		return m, usage(fmt.Errorf("--workers: %d must be 1 or more", o.workers))
	}
	if o.worst < 1 {
		return m, usage(fmt.Errorf("--worst: %d must be 1 or more", o.worst))
	}
	name, version, versioned := strings.Cut(o.model, ":")
	if versioned && (name == "" || version == "") {
		return m, usage(fmt.Errorf("--model %q is not as NAME or NAME:VERSION", o.model))
	}
	return replay.Model{Name: name, Version: version}, nil
}

// allVersions is how many of a model's versions are loaded to be asked: each that the settings may keep.
const allVersions = 100

// rowsToReplay are the rows that an argument names.
func rowsToReplay(cfg *config.Config, what, dir string) (func(visit func(*table.Row) error) error, error) {
	about, err := os.Stat(what)
	switch {
	case err == nil && about.IsDir():
		return func(visit func(*table.Row) error) error { return query.All(what, visit) }, nil
	case err == nil:
		return func(visit func(*table.Row) error) error { return query.File(what, visit) }, nil
	case dir == "":
		dir = cfg.PredictionLog.Dir
	}
	if dir == "" {
		return nil, usage(fmt.Errorf("%s is no file, and no folder is named to look for it as an id: name it with --dir, or set prediction_log.dir", what))
	}
	return func(visit func(*table.Row) error) error {
		found := false
		err := query.Find(dir, what, func(_ string, r *table.Row) error {
			found = true
			return visit(r)
		})
		if err == nil && !found {
			err = fmt.Errorf("%s is no file, and no record in %s has it as its id", what, dir)
		}
		return err
	}, nil
}

// replayAt asks a gateway that runs, or one that it starts for that.
func replayAt(ctx context.Context, cfg *config.Config, o *replayOptions, model replay.Model, rows func(func(*table.Row) error) error) (report replay.Report, err error) {
	err = withGateway(ctx, cfg, o.inProcess, func(base string) (err error) {
		target := replay.NewClient(base, o.workers)
		defer target.Close()
		report, err = replay.Run(ctx, replay.Options{Target: target, Model: model, Of: o.of, Workers: o.workers, Worst: o.worst}, rows)
		return err
	})
	return report, err
}

// withGateway calls run with the address of a gateway that runs or, in process, of one that it starts for that.
func withGateway(ctx context.Context, cfg *config.Config, inProcess bool, run func(base string) error) error {
	at := func(listen string) error {
		addresses, err := ask.Addresses(listen)
		if err != nil {
			return cfg.Fault("listen", err)
		}
		return run("http://" + addresses[0] + cfg.BasePath)
	}
	if !inProcess {
		return at(cfg.Listen)
	}
	// It serves nobody else, and leaves nothing behind.
	cfg.Listen, cfg.Admin, cfg.AdminTokenFile, cfg.MetricsListen = "127.0.0.1:0", "", "", ""
	cfg.AdminInsecure, cfg.State = false, serve.NoState
	cfg.ModelDefaults.KeepVersions = allVersions
	cfg.AccessLog.File, cfg.Record.File, cfg.PredictionLog = "", "", config.PredictionLog{}
	cfg.Drain.Delay = 0
	paths, err := chooseModels(cfg, nil)
	if err != nil {
		return err
	}
	s, err := serve.New(ctx, serve.Options{Config: cfg, Paths: paths, Version: version})
	if err != nil {
		return err
	}
	serving, stop := context.WithCancel(ctx)
	defer stop()
	asked := false
	var fault error
	err = s.Run(serving, func() {
		defer stop()
		asked, fault = true, at(s.Addr().String())
	})
	if !asked && err == nil {
		err = errors.New("no model was loaded: sluice check says why")
	}
	return errors.Join(fault, err)
}

// tellReplay prints a report, and returns what the process ends with.
func tellReplay(out io.Writer, r *replay.Report, asJSON bool) error {
	if asJSON {
		if err := writeJSON(out, r); err != nil {
			return err
		}
	} else if err := writeReplay(out, r); err != nil {
		return err
	}
	switch {
	case r.Differ > 0:
		return status{statusDiffers, errQuiet}
	case r.Failed > 0 || r.Replayed == 0:
		return errQuiet
	}
	return nil
}

func writeReplay(out io.Writer, r *replay.Report) error {
	text := fmt.Sprintf("%d replayed: %d agree, %d differ, %d failed\n", r.Replayed, r.Agree, r.Differ, r.Failed)
	if len(r.Skipped) > 0 {
		var parts []string
		for _, why := range slices.Sorted(maps.Keys(r.Skipped)) {
			parts = append(parts, fmt.Sprintf("%d %s", r.Skipped[why], strings.ReplaceAll(why, "_", " ")))
		}
		text += "not replayed: " + strings.Join(parts, ", ") + "\n"
	}
	for _, d := range r.Worst {
		text += fmt.Sprintf("  %s  %s, recorded of %s: %s\n", d.ID, d.Asked, d.Recorded, d.Text)
	}
	if r.Failure != "" {
		text += "failed first: " + r.Failure + "\n"
	}
	_, err := io.WriteString(out, text)
	return err
}
