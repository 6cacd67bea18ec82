package device

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	good := func(text string, want Name) {
		t.Helper()
		got, err := Parse(text)
		if err != nil || got != want {
			t.Errorf("%q is %v, %v; want %v", text, got, err, want)
		}
		if got.String() != text {
			t.Errorf("%q is written %q", text, got)
		}
	}
	good("cpu", Name{})
	good("cuda:0", Name{Kind: CUDA})
	good("cuda:13", Name{Kind: CUDA, Index: 13})
	good("tensorrt:255", Name{Kind: TensorRT, Index: 255})
	good("webgpu", Name{Kind: WebGPU})
	good("fake", Name{Kind: Fake})

	bad := func(text, want string) {
		t.Helper()
		if got, err := Parse(text); err == nil || err.Error() != want {
			t.Errorf("%q is %v\n got %v\nwant %s", text, got, err, want)
		}
	}
	bad("", `device "" is unknown: the possible names are `+Possible)
	bad("gpu", `device "gpu" is unknown: the possible names are `+Possible)
	bad("CPU", `device "CPU" is unknown: the possible names are `+Possible)
	bad("cuda", `device "cuda" lacks the GPU's number: write cuda:0 for the first`)
	for _, text := range []string{"cuda:", "cuda:-1", "cuda:00", "cuda:+1", "cuda:256", "cuda:1:2", "cuda:x"} {
		bad(text, `device "`+text+`" has no GPU's number behind the colon: write cuda:0 to cuda:255`)
	}
	bad("webgpu:1", `device "webgpu:1" has a number, which WebGPU does not know: write webgpu, and choose the GPU of its process with VK_DRIVER_FILES in the device's env`)
	bad("cpu:0", `device "cpu:0" has a number: write cpu`)
}

func TestGPU(t *testing.T) {
	for kind, want := range map[Kind]bool{CPU: false, CUDA: true, TensorRT: true, WebGPU: true, Fake: false} {
		if kind.GPU() != want {
			t.Errorf("GPU of %v is %v", kind, !want)
		}
	}
}

// FuzzParse: a name has one spelling, and an error says what was wrong with which text.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"cpu", "cuda:0", "tensorrt:1", "webgpu", "fake", "cuda:01", "webgpu:0", "a:b:c", "\xff"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := Parse(text)
		if err != nil {
			if n != (Name{}) || !strings.HasPrefix(err.Error(), "device ") {
				t.Fatalf("%q: %v, %v", text, n, err)
			}
			return
		}
		if n.String() != text {
			t.Fatalf("%q is read as %v", text, n)
		}
		var again Name
		if err := again.UnmarshalText([]byte(text)); err != nil || again != n {
			t.Fatalf("%q is %v as text, %v", text, again, err)
		}
	})
}
