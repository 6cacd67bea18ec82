package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"sluice/backends/onnx"
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
		Short:  "Load and run a model once, in a process of its own",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		Run: func(_ *cobra.Command, args []string) {
			if err := trial(args[0], library); err != nil {
				fmt.Println(err)
				os.Exit(models.TrialRefused)
			}
			os.Exit(0)
		},
	}
	cmd.Flags().StringVar(&library, "onnxruntime-library", "", "path of libonnxruntime.so")
	return cmd
}

func trial(path, library string) error {
	if _, err := loadLibrary(library); err != nil {
		return err
	}
	b, err := models.ForTrial(path, models.Defaults{})
	if err != nil {
		return err
	}
	return onnx.Trial(path, onnx.Options{Schema: b.Schema, FixedBatch: b.FixedBatch, External: b.External})
}
