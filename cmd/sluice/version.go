package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"sluice/backends/onnx"
	"sluice/serve"
)

// build says what this binary is, and which library it would run models with.
type build struct {
	Version string `json:"version"`
	// Commit is that of the source, with Dirty if it was changed; empty where nobody wrote it down.
	Commit string `json:"commit,omitempty"`
	Dirty  bool   `json:"dirty,omitempty"`
	Go     string `json:"go"`
	OS     string `json:"os"`
	Arch   string `json:"arch"`
	// ONNXRuntime is the library's version and Library its path; Missing says why there is none.
	ONNXRuntime string `json:"onnxruntime,omitempty"`
	Library     string `json:"onnxruntime_library,omitempty"`
	Missing     string `json:"onnxruntime_missing,omitempty"`
}

func versionCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the versions of this binary and of ONNX Runtime",
		Long: `Print the versions of this binary, of Go and of the ONNX Runtime that it finds, and where
that is. The exit status is 0 whether or not there is one.`,
		Args: exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			b := describeBuild()
			b.findLibrary(libraryNamed(cmd))
			if asJSON {
				return writeJSON(os.Stdout, b)
			}
			fmt.Printf("sluice         %s\n", b.sluice())
			fmt.Printf("go             %s %s/%s\n", b.Go, b.OS, b.Arch)
			if b.Missing != "" {
				fmt.Printf("onnxruntime    none: %s\n", b.Missing)
				return nil
			}
			fmt.Printf("onnxruntime    %s, %s\n", b.ONNXRuntime, b.Library)
			return nil
		},
	}
	someSettings(cmd, "onnxruntime.library")
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print one JSON object.")
	return cmd
}

// libraryNamed is the library that the settings name. Settings that are wrong keep nobody from
// learning the version, so they are passed over, and what the flag or the variable says holds.
func libraryNamed(cmd *cobra.Command) string {
	cfg, err := settings(cmd.Flags())
	switch f := cmd.Flags().Lookup("onnxruntime-library"); {
	case err == nil:
		return cfg.ONNXRuntime.Library
	case f.Changed:
		return f.Value.String()
	}
	return os.Getenv("SLUICE_ONNXRUNTIME")
}

func describeBuild() build {
	b := build{Version: version, Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	if about, ok := debug.ReadBuildInfo(); ok {
		for _, s := range about.Settings {
			switch s.Key {
			case "vcs.revision":
				b.Commit = s.Value
			case "vcs.modified":
				b.Dirty = s.Value == "true"
			}
		}
	}
	return b
}

// sluice is the binary's version for people.
func (b *build) sluice() string {
	if b.Commit == "" {
		return b.Version
	}
	text := fmt.Sprintf("%s, commit %.12s", b.Version, b.Commit)
	if b.Dirty {
		text += " with changes"
	}
	return text
}

// findLibrary loads ONNX Runtime, as the gateway would, to ask it for its version.
func (b *build) findLibrary(named string) {
	path, err := serve.LoadLibrary(named)
	if err != nil {
		b.Missing = err.Error()
		return
	}
	b.ONNXRuntime, b.Library = onnx.Version(), path
}
