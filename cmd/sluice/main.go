// Command sluice is the prediction gateway and its tools: it reads flags, calls, and prints. What joins
// the parts of a gateway is package serve.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sluice/internal/near"
	"sluice/serve"
)

// version is set by the linker.
var version = "dev"

// blind is set to yes by the linker for a test alone: proof and test of batching are left out, so
// that live comparisons have to find what they would have found.
var blind string

// errQuiet ends the process with status 1 when all has been said.
var errQuiet = errors.New("")

func main() {
	serve.Child()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := root().ExecuteContext(ctx)
	stop()
	if err != nil {
		if !errors.Is(err, errQuiet) {
			complain(err)
		}
		os.Exit(exitStatus(err))
	}
}

// complain says why the process ends, to a reader who listens: it does not wait long for another.
func complain(err error) {
	said := make(chan struct{})
	go func() {
		fmt.Fprintln(os.Stderr, "sluice:", err)
		close(said)
	}()
	select {
	case <-said:
	case <-time.After(logStop):
	}
}

func root() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sluice",
		Short: "A low-latency prediction gateway for ONNX models",
		Long: `A low-latency prediction gateway for ONNX models.

  sluice check DIR             would each model be served, how, and how fast?
  sluice serve --models DIR    serve them
  sluice sample MODEL          a request to try one with`,
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			names := commandNames(cmd)
			return usage(fmt.Errorf("there is no command %q%s: there are %s", args[0], near.Meant(args[0], names), near.First(args[0], names, len(names))))
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.SetFlagErrorFunc(flagError)
	cmd.SetHelpFunc(writeHelp)
	cmd.AddCommand(serveCommand(), checkCommand(), configCommand(), sampleCommand(), devicesCommand(), healthCommand(), planCommand(), loadtestCommand(), modelsCommand(), logCommand(), replayCommand(), compareCommand(), compareTargetCommand(),
		versionCommand(), featuresCommand(), statusesTopic())
	return cmd
}

// commandNames lists the commands that are there for people.
func commandNames(cmd *cobra.Command) (names []string) {
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() && c.Name() != "help" && c.Name() != "completion" {
			names = append(names, c.Name())
		}
	}
	return names
}

// flagError adds to a flag that is not there the ones that are near.
func flagError(cmd *cobra.Command, err error) error {
	var bare *pflag.ValueRequiredError
	var wrong *pflag.InvalidValueError
	var unknown *pflag.NotExistError
	help := fmt.Sprintf("sluice %s --help", strings.TrimPrefix(cmd.CommandPath(), "sluice "))
	switch {
	case errors.As(err, &bare):
		return usage(fmt.Errorf("--%s needs a value; %s says more", bare.GetFlag().Name, help))
	case errors.As(err, &wrong) && wanted(wrong.GetFlag()) != anyText:
		return usage(fmt.Errorf("--%s takes %s, not %q; %s says more", wrong.GetFlag().Name, wanted(wrong.GetFlag()), wrong.GetValue(), help))
	case !errors.As(err, &unknown):
		return usage(err)
	case len(unknown.GetSpecifiedName()) < 2:
		return usage(fmt.Errorf("%s has no flag -%s; %s lists them", cmd.CommandPath(), unknown.GetSpecifiedName(), help))
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, "--"+f.Name) })
	return usage(fmt.Errorf("%s has no flag --%s%s; %s lists them", cmd.CommandPath(), unknown.GetSpecifiedName(),
		near.Meant("--"+unknown.GetSpecifiedName(), names), help))
}

const anyText = "a text"

// wanted says what a flag takes for a value.
func wanted(f *pflag.Flag) string {
	switch f.Value.Type() {
	case "bool":
		return "true or false"
	case "duration":
		return "a time such as 250ms or 5s"
	case "int", "int64", "uint64":
		return "a whole number"
	case "float64":
		return "a number"
	}
	return anyText
}
