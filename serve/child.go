package serve

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"sluice/backends/fleet"
	"sluice/models/trial"
)

const trialName = "trial-load"

// trialRunner reads and loads models in child processes of this binary.
func trialRunner(library string) *trial.Runner {
	// Not os.Executable: the file may have been replaced since this process started.
	return &trial.Runner{Command: []string{"/proc/self/exe", trialName, "--onnxruntime-library", library}}
}

// Child is the first thing that the main of a program with a Server calls. In a process that the server
// has started for a device or for the trial of a model, it does that work and ends the process. In any
// other it returns at once.
func Child() {
	is, err := child(os.Args[1:])
	switch {
	case !is:
	case err != nil:
		fmt.Fprintln(os.Stderr, "sluice:", err)
		os.Exit(1)
	default:
		os.Exit(0) // at once: the library's own clean-up at the end of a process can crash it
	}
}

func child(args []string) (is bool, err error) {
	switch {
	case len(args) == 1 && args[0] == candidateName:
		return true, standBack()
	case len(args) == 2 && args[0] == candidateName && args[1] == stoodBack:
		return true, runCandidate(os.Stdin, os.Stdout)
	case len(args) == 0 || args[0] != trialName:
		return fleet.Child(args)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return true, tryModel(ctx, args[1:])
}

// tryModel is the child's side of a trial: a file on which a parser grows without end, or which
// crashes ONNX Runtime, ends this process alone.
func tryModel(ctx context.Context, args []string) error {
	var library string
	flags := flag.NewFlagSet(trialName, flag.ContinueOnError)
	flags.StringVar(&library, "onnxruntime-library", "", "path of libonnxruntime.so")
	if err := flags.Parse(args); err != nil {
		return err
	}
	says := os.NewFile(trial.Descriptor, "gateway")
	if about, err := says.Stat(); err != nil || about.Mode()&os.ModeNamedPipe == 0 {
		return errors.New("sluice trial-load is started by the gateway and is of no use by itself")
	}
	load := func() error {
		_, err := LoadLibrary(library)
		return err
	}
	return trial.Run(ctx, os.Stdin, says, load, openOnCPU)
}
