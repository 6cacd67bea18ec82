package main

import (
	"errors"
	"os"

	"github.com/spf13/cobra"

	"sluice/models/trial"
)

const trialName = "trial-load"

// trialRunner reads and loads models in child processes of this binary.
func trialRunner(library string) *trial.Runner {
	// Not os.Executable: the file may have been replaced since this process started.
	return &trial.Runner{Command: []string{"/proc/self/exe", trialName, "--onnxruntime-library", library}}
}

// trialCommand is the child's side: a file on which a parser grows without end, or which crashes
// ONNX Runtime, ends this process alone.
func trialCommand() *cobra.Command {
	var library string
	cmd := &cobra.Command{
		Use:    trialName,
		Short:  "Read a model, load it, run it and tell what it gives, in a process of its own",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			says := os.NewFile(trial.Descriptor, "gateway")
			if about, err := says.Stat(); err != nil || about.Mode()&os.ModeNamedPipe == 0 {
				return errors.New("sluice trial-load is started by the gateway and is of no use by itself")
			}
			load := func() error {
				_, err := loadLibrary(library)
				return err
			}
			if err := trial.Run(cmd.Context(), os.Stdin, says, load, openSession); err != nil {
				return err
			}
			os.Exit(0) // at once: the library's own clean-up at the end of a process can crash it
			return nil
		},
	}
	cmd.Flags().StringVar(&library, "onnxruntime-library", "", "path of libonnxruntime.so")
	return cmd
}
