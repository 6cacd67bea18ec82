package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strings"

	"sluice/internal/child"
)

// deviceEnv is the environment of a process that opens sessions on a device: this one's and the
// device's own. GPUs are numbered as nvidia-smi and NVML do, whatever this process's says.
func deviceEnv(own map[string]string) []string {
	env := append(os.Environ(), "CUDA_DEVICE_ORDER=PCI_BUS_ID")
	for name, value := range own {
		env = append(env, name+"="+value)
	}
	return env
}

// runChild runs one of this binary's hidden commands in a process of its own, which cannot take this
// one along, and gives it a request to read as JSON. It returns what the child has written to
// standard output, and how it began on standard error, also beside an error.
func runChild(ctx context.Context, command string, env []string, request any) (said []byte, complained string, err error) {
	text, err := json.Marshal(request)
	if err != nil {
		return nil, "", err
	}
	// Not os.Executable: the file may have been replaced since this process started.
	cmd := exec.CommandContext(ctx, "/proc/self/exe", command)
	cmd.Env = env
	cmd.Stdin = bytes.NewReader(text)
	var output bytes.Buffer
	first := child.Beginning{Most: 512}
	cmd.Stdout, cmd.Stderr = &output, &first
	err = child.Run(cmd)
	line, _, _ := strings.Cut(strings.TrimSpace(strings.ToValidUTF8(string(first.Bytes()), "?")), "\n")
	return output.Bytes(), orElse(line, "it said nothing"), err
}
