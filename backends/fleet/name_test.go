package fleet

import (
	"strings"
	"testing"

	"sluice/internal/device"
)

func TestParseName(t *testing.T) {
	good := func(text string, want device.Name) {
		t.Helper()
		got, err := ParseName(text)
		if err != nil || got != want {
			t.Errorf("%q is %v, %v; want %v", text, got, err, want)
		}
		if got.String() != text {
			t.Errorf("%q is written %q", text, got)
		}
	}
	good("cpu", device.Name{})
	good("cuda:0", device.Name{Kind: device.CUDA})
	good("cuda:13", device.Name{Kind: device.CUDA, Index: 13})
	good("tensorrt:255", device.Name{Kind: device.TensorRT, Index: 255})
	good("webgpu", device.Name{Kind: device.WebGPU})
	good("fake", device.Name{Kind: device.Fake})

	bad := func(text, want string) {
		t.Helper()
		if got, err := ParseName(text); err == nil || err.Error() != want {
			t.Errorf("%q is %v\n got %v\nwant %s", text, got, err, want)
		}
	}
	const names = "cpu, cuda:N, tensorrt:N, webgpu and fake, with N the GPU's number from 0"
	bad("", `device "" is unknown: the possible names are `+names)
	bad("gpu", `device "gpu" is unknown: the possible names are `+names)
	bad("CPU", `device "CPU" is unknown: the possible names are `+names)
	bad("cuda", `device "cuda" lacks the GPU's number: write cuda:0 for the first`)
	for _, text := range []string{"cuda:", "cuda:-1", "cuda:00", "cuda:+1", "cuda:256", "cuda:1:2", "cuda:x"} {
		bad(text, `device "`+text+`" has no GPU's number behind the colon: write cuda:0 to cuda:255`)
	}
	bad("webgpu:1", `device "webgpu:1" has a number, which WebGPU does not know: write webgpu, and choose the GPU of its process with VK_DRIVER_FILES in the device's env`)
	bad("cpu:0", `device "cpu:0" has a number: write cpu`)
}

// FuzzParseName: a name has one spelling, and an error says what was wrong with which text.
func FuzzParseName(f *testing.F) {
	for _, text := range []string{"cpu", "cuda:0", "tensorrt:1", "webgpu", "fake", "cuda:01", "webgpu:0", "a:b:c", "\xff"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := ParseName(text)
		if err != nil {
			if n != (device.Name{}) || !strings.HasPrefix(err.Error(), "device ") {
				t.Fatalf("%q: %v, %v", text, n, err)
			}
			return
		}
		if n.String() != text {
			t.Fatalf("%q is read as %v", text, n)
		}
		var again device.Name
		if err := again.UnmarshalText([]byte(text)); err != nil || again != n {
			t.Fatalf("%q is %v as text, %v", text, again, err)
		}
	})
}
