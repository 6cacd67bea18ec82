package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"sluice/config"
	"sluice/models"
)

// checkCommand proves settings and bundles without serving them.
func checkCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check [DIR | MODEL.onnx ...]",
		Short: "Validate the settings and take every model through the load gates",
		Long: `Validate the settings, print the effective ones, and take every model through the load
gates. Each gate's verdict and the cost table of each device are printed; the exit status
is 1 if a configured device is unusable, a model is refused, or a model is not served on
a device that its settings name, such as one whose answers differ from those of the
preferred device.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := settings(cmd.Flags())
			if err != nil {
				return err
			}
			paths, err := chooseModels(cfg, args)
			if err != nil {
				return err
			}
			library, err := loadLibrary(cfg.ONNXRuntime.Library)
			if err != nil {
				return cfg.Fault("onnxruntime.library", err)
			}
			if !asJSON {
				fmt.Printf("settings\n\n%s\n", cfg)
			}
			unusable := checkDevices(cmd.Context(), cfg, library)
			return errors.Join(unusable, checkOnFleet(cmd, cfg, paths, library, asJSON))
		},
	}
	settingFlags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object per model")
	return cmd
}

// checkOnFleet takes the models through the gates on the devices of a server with these settings.
func checkOnFleet(cmd *cobra.Command, cfg *config.Config, paths []string, library string, asJSON bool) (err error) {
	ctx := cmd.Context()
	f, err := newFleet(ctx, cfg, library, cpuLanes(cfg.Scheduler.CPULanes, planThreads().cores), zap.NewNop())
	if err != nil {
		return err
	}
	if err := f.start(); err != nil {
		return err
	}
	defer func() {
		last, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		err = errors.Join(err, f.close(last))
	}()
	limited, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	f.wait(limited)
	return check(cmd, modelOptions(cfg, paths, f.models(), library, zap.NewNop()), asJSON)
}

// checkDevices tries each configured device, in a process of its own.
func checkDevices(ctx context.Context, cfg *config.Config, library string) error {
	var faults []error
	for i := range cfg.Devices {
		d := &cfg.Devices[i]
		if v, _ := probeDevice(ctx, d, library); !v.Usable {
			faults = append(faults, cfg.Fault(fmt.Sprintf("devices[%d]", i), fmt.Errorf("%s is not usable: %s", d.Name, v.why())))
		}
	}
	return errors.Join(faults...)
}

func check(cmd *cobra.Command, options models.Options, asJSON bool) error {
	bundles, faults, err := models.Find(options)
	if err != nil {
		return err
	}
	refused, otherwise := len(faults), 0
	for _, f := range faults {
		fmt.Fprintln(os.Stderr, f)
	}
	for _, b := range bundles {
		report, err := models.Check(cmd.Context(), options, b)
		if err != nil {
			return err
		}
		if report.Refusal() != nil {
			refused++
		} else if faults := report.Faults(); len(faults) > 0 {
			otherwise++
			fmt.Fprintf(os.Stderr, "%s: %s\n", b.Label(), strings.Join(faults, "; "))
		}
		if asJSON {
			err = json.NewEncoder(os.Stdout).Encode(report)
		} else if err = report.WriteText(os.Stdout); err == nil {
			fmt.Println()
		}
		if err != nil {
			return err
		}
	}
	if len(bundles) == 0 && refused == 0 {
		return errors.New(noModels(options.Dir))
	}
	if refused > 0 {
		return fmt.Errorf("%d of %d models are refused", refused, len(bundles)+len(faults))
	}
	if otherwise > 0 {
		return fmt.Errorf("%d of %d models cannot be served on every device that the settings name", otherwise, len(bundles))
	}
	return nil
}
