// Command sluice is the prediction gateway and its tools. It is the only place that
// knows all packages: it joins the stages, which know nothing of each other, and owns
// the order in which they start and stop.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// version is set by the linker.
var version = "dev"

// blind is set to yes by the linker for a test alone: proof and test of batching are left out, so
// that live comparisons have to find what they would have found.
var blind string

// errQuiet ends the process with status 1 when all has been said.
var errQuiet = errors.New("")

func main() {
	// ONNX Runtime reads this when it is loaded; from 1.29 on it reports home without it.
	os.Setenv("ORT_DISABLE_TELEMETRY", "1")
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := root().ExecuteContext(ctx)
	stop()
	if err != nil {
		if !errors.Is(err, errQuiet) {
			fmt.Fprintln(os.Stderr, "sluice:", err)
		}
		os.Exit(exitStatus(err))
	}
}

func root() *cobra.Command {
	cmd := &cobra.Command{
		Use:           "sluice",
		Short:         "A low-latency prediction gateway for ONNX models",
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	cmd.AddCommand(serveCommand(), checkCommand(), devicesCommand(), planCommand(), loadtestCommand(), healthCommand(), trialCommand(), probeCommand(), workerCommand())
	return cmd
}
