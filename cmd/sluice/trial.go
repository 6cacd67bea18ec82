package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"sluice/models"
)

const trialName = "trial-load"

// trialRunner loads models in child processes of this binary.
func trialRunner(library string) *models.TrialRunner {
	// Not os.Executable: the file may have been replaced since this process started.
	return &models.TrialRunner{Command: []string{"/proc/self/exe", trialName, "--onnxruntime-library", library}}
}

// trialCommand is the child's side: a file that crashes ONNX Runtime ends this process alone.
func trialCommand() *cobra.Command {
	var library string
	cmd := &cobra.Command{
		Use:    trialName + " MODEL [SETTINGS]",
		Short:  "Load a model, run it and tell what it gives, in a process of its own",
		Hidden: true,
		Args:   cobra.RangeArgs(1, 2),
		Run: func(cmd *cobra.Command, args []string) {
			if err := trial(cmd.Context(), library, args...); err != nil {
				fmt.Println(err)
				os.Exit(models.TrialRefused)
			}
			os.Exit(0)
		},
	}
	cmd.Flags().StringVar(&library, "onnxruntime-library", "", "path of libonnxruntime.so")
	return cmd
}

func trial(ctx context.Context, library string, paths ...string) error {
	if _, err := loadLibrary(library); err != nil {
		return err
	}
	b, err := models.ForTrial(paths[0], strings.Join(paths[1:], ""), models.Defaults{})
	if err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	return models.Observe(ctx, b, openSession, func() { fmt.Print(models.TrialLoaded) }, func(v any) {
		out.Encode(v) //nolint:errcheck // without a reader there is nobody to tell
	})
}
