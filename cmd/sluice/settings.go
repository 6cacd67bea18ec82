package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"sluice/backends/onnx"
	"sluice/config"
)

// settingFlags adds a flag for every setting, and --config.
func settingFlags(cmd *cobra.Command) {
	cmd.Flags().String("config", "", "settings file (YAML); flags and SLUICE_... variables go before it")
	for _, o := range config.Options() {
		cmd.Flags().String(o.Flag, o.Default, fmt.Sprintf("setting %s; environment %s", o.Path, o.Env))
	}
}

// settings joins the defaults, the file, the environment and the flags, later ones first,
// and reports every fault at once.
func settings(flags *pflag.FlagSet) (*config.Config, error) {
	cfg := config.Default()
	if path, _ := flags.GetString("config"); path != "" {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("cannot read the settings: %w", err)
		}
		if cfg, err = config.Parse(path, text); err != nil {
			return nil, err
		}
	}
	if err := cfg.ApplyEnv(os.LookupEnv); err != nil {
		return nil, err
	}
	for _, o := range config.Options() {
		if f := flags.Lookup(o.Flag); f != nil && f.Changed {
			if err := cfg.Set(o.Path, f.Value.String(), "--"+o.Flag); err != nil {
				return nil, err
			}
		}
	}
	return cfg, cfg.Validate()
}

// loadLibrary finds ONNX Runtime and loads it. The path is absolute: trial processes get it.
func loadLibrary(named string) (string, error) {
	path := named
	if path == "" {
		path = findLibrary()
	}
	if path != "" {
		var err error
		if path, err = filepath.Abs(path); err != nil {
			return "", err
		}
	}
	return path, onnx.Init(onnx.Library{Path: path})
}

// findLibrary looks beside the binary, as in the container, and where the build puts it.
func findLibrary() string {
	self, err := os.Executable()
	if err != nil {
		return ""
	}
	dir := filepath.Dir(self)
	for _, path := range []string{
		filepath.Join(dir, "libonnxruntime.so"),
		filepath.Join(dir, "..", "lib", "libonnxruntime.so"),
		filepath.Join(dir, "..", ".deps", "onnxruntime", "libonnxruntime.so"),
	} {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return ""
}

// cpuLanes is how many batches run on the CPU at once: one for each core.
func cpuLanes(setting, cores int) int {
	if setting > 0 {
		return setting
	}
	return cores
}

// laneNice is the niceness of the threads that run models on the CPU.
const laneNice = 10

// yieldToHTTP binds a CPU lane to a thread of its own and makes that thread nicer than the
// others. A run lasts for milliseconds and the HTTP work for microseconds: with equal rights
// the kernel lets a handler wait for the rest of a run's time slice. The cores are used to
// the full either way.
func yieldToHTTP() {
	runtime.LockOSThread()
	// Where it is not allowed, the lanes run with the priority of everything else.
	_ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), laneNice)
}

// leaveRoom gives the Go scheduler a processor beyond the cores: a run holds its
// processor inside C until the runtime's monitor takes it back, and with none to spare
// the HTTP work waits for that. It returns the cores, as the container's limit has them.
func leaveRoom() (cores int) {
	cores = runtime.GOMAXPROCS(0)
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(cores + 1)
	}
	return cores
}
