package loadtest

import (
	"fmt"
	"os"
)

// latencyRequest is where Linux takes the longest that a core may need to wake, in µs: four
// bytes, which hold until the file is closed. See its "PM Quality Of Service Interface".
const latencyRequest = "/dev/cpu_dma_latency"

// keepAwake writes a request, at latencyRequest, that keeps the cores from sleeping until what it
// returns is called: one that has nothing to do waits for work without stopping, and takes it
// up in a few µs less.
func keepAwake(request string) (asleep func(), err error) {
	f, err := os.OpenFile(request, os.O_WRONLY, 0)
	if err == nil {
		if _, err = f.Write(make([]byte, 4)); err == nil {
			return func() { _ = f.Close() }, nil
		}
		_ = f.Close()
	}
	return nil, fmt.Errorf("cannot keep the cores awake: %w (it takes root and a Linux that has this file)", err)
}
