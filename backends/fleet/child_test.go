package fleet

import (
	"os/exec"
	"slices"
	"testing"
)

// TestDeviceEnv counts GPUs in one way in whatever process tries or uses them: a trial that takes
// another GPU for cuda:1 than the worker would judge the wrong one.
func TestDeviceEnv(t *testing.T) {
	t.Setenv("CUDA_DEVICE_ORDER", "FASTEST_FIRST")
	for _, c := range []struct {
		own  map[string]string
		want string
	}{
		{nil, "CUDA_DEVICE_ORDER=PCI_BUS_ID"},
		{map[string]string{"CUDA_VISIBLE_DEVICES": "1"}, "CUDA_VISIBLE_DEVICES=1"},
		{map[string]string{"CUDA_DEVICE_ORDER": "FASTEST_FIRST"}, "CUDA_DEVICE_ORDER=FASTEST_FIRST"},
	} {
		child := exec.Cmd{Path: "x", Env: deviceEnv(c.own)}
		if env := child.Environ(); !slices.Contains(env, c.want) {
			t.Errorf("%v: %s is not in %q", c.own, c.want, env)
		}
	}
}
