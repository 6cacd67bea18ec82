package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

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
		Use:    trialName + " MODEL",
		Short:  "Load a model, run it and tell what it gives, in a process of its own",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		Run: func(cmd *cobra.Command, args []string) {
			seen, err := trial(cmd.Context(), args[0], library)
			if err == nil {
				err = json.NewEncoder(os.Stdout).Encode(seen)
			}
			if err != nil {
				fmt.Println(err)
				os.Exit(models.TrialRefused)
			}
			os.Exit(0)
		},
	}
	cmd.Flags().StringVar(&library, "onnxruntime-library", "", "path of libonnxruntime.so")
	return cmd
}

func trial(ctx context.Context, path, library string) (*models.Observation, error) {
	if _, err := loadLibrary(library); err != nil {
		return nil, err
	}
	b, err := models.ForTrial(path, models.Defaults{})
	if err != nil {
		return nil, err
	}
	return models.Observe(ctx, b, openSession, func() { fmt.Print(models.TrialLoaded) })
}
