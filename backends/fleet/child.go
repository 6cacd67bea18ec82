package fleet

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"

	"sluice/backends/onnx"
	"sluice/internal/child"
)

// ownBinary is this process's own program. Not os.Executable: the file may have been replaced since it started.
const ownBinary = "/proc/self/exe"

// The words by which this program starts itself.
const (
	workerName  = "worker"
	tryName     = "device-trial"
	inspectName = "session-trial"
)

// Child does the work of a process that a Fleet, Try or Inspect has started, and reports whether this
// is one; args are the process's own without its name. A driver that crashes ends this process
// alone. Where it returns no error the process must end at once, without any clean-up: a provider's
// own can crash it.
func Child(args []string) (is bool, err error) {
	if len(args) == 0 {
		return false, nil
	}
	work := map[string]func([]string) error{workerName: workerChild, tryName: tryChild, inspectName: inspectChild}[args[0]]
	if work == nil {
		return false, nil
	}
	// A service manager or a terminal sends these to all processes at once. The gateway is meant, which
	// ends its children when it has drained.
	signal.Notify(make(chan os.Signal, 1), os.Interrupt, syscall.SIGTERM)
	return true, work(args[1:])
}

func workerChild(args []string) error {
	var library onnx.Library
	flags := flag.NewFlagSet(workerName, flag.ContinueOnError)
	flags.StringVar(&library.Path, "onnxruntime-library", "", "path of libonnxruntime.so")
	flags.Func("library-folder", "folder of the device's libraries", func(folder string) error {
		library.Folders = append(library.Folders, folder)
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return err
	}
	return serveWorker(context.Background(), library)
}

// deviceEnv is the environment of a process that opens sessions on a device: this one's and the
// device's own. GPUs are numbered as nvidia-smi and NVML do, whatever this process's says.
func deviceEnv(own map[string]string) []string {
	env := append(os.Environ(), "CUDA_DEVICE_ORDER=PCI_BUS_ID")
	for name, value := range own {
		env = append(env, name+"="+value)
	}
	return env
}

// runChild runs a child in a process of its own, which cannot take this one along, and gives it a
// request to read as JSON. It returns what the child has written to standard output, and how it
// began on standard error, also beside an error.
func runChild(ctx context.Context, command string, env []string, request any) (said []byte, complained string, err error) {
	text, err := json.Marshal(request)
	if err != nil {
		return nil, "", err
	}
	cmd := exec.CommandContext(ctx, ownBinary, command)
	cmd.Env = env
	cmd.Stdin = bytes.NewReader(text)
	var output bytes.Buffer
	first := child.Beginning{Most: 512}
	cmd.Stdout, cmd.Stderr = &output, &first
	err = child.Run(cmd)
	line, _, _ := strings.Cut(strings.TrimSpace(strings.ToValidUTF8(string(first.Bytes()), "?")), "\n")
	return output.Bytes(), cmp.Or(line, "it said nothing"), err
}
