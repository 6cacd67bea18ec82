// Command capsules holds the prediction log and `sluice replay` to their promise: what was recorded can be asked again.
// It serves the example models on two devices, the CPU and a worker process, has each request recorded, and replays the
// records: against their own versions, where no answer may differ, and against versions of which one weight was changed,
// where the rows that replay finds must be those whose answers have changed. Which ones have is found without the log:
// both versions are asked over HTTP, and compared here.
//
// It starts the binary's processes on free loopback ports and ends them by their ids. A promise that is not held makes
// the exit status 1.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"time"
)

func main() {
	binary := flag.String("sluice", "bin/sluice", "the gateway's binary")
	examples := flag.String("models", "examples/models", "the folder of the example models")
	n := flag.Int("n", 100_000, "how many requests are recorded")
	device := flag.String("device", worker, "the device that records beside the CPU, as in the settings' devices; it is preferred")
	flag.Parse()
	if err := run(*binary, *examples, *device, *n); err != nil {
		fmt.Fprintln(os.Stderr, "capsules:", err)
		os.Exit(1)
	}
}

func run(binary, examples, device string, n int) error {
	dir, err := os.MkdirTemp("", "sluice-capsules-")
	if err != nil {
		return err
	}
	begun := time.Now()
	t := &trial{binary: binary, examples: examples, device: device, dir: dir, say: func(format string, args ...any) {
		fmt.Printf("%5.1f s  "+format+"\n", append([]any{time.Since(begun).Seconds()}, args...)...)
	}}
	return errors.Join(t.run(n), os.RemoveAll(dir))
}
