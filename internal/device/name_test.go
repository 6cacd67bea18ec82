package device

import "testing"

func TestGPU(t *testing.T) {
	for kind, want := range map[Kind]bool{CPU: false, CUDA: true, TensorRT: true, WebGPU: true, Fake: false} {
		if kind.GPU() != want {
			t.Errorf("GPU of %v is %v", kind, !want)
		}
	}
}

// FuzzName: what a name is written as is read as the same name, whatever its kind.
func FuzzName(f *testing.F) {
	for _, text := range []string{"cpu", "cuda:0", "tensorrt:1", "webgpu", "fake", "cuda:01", "webgpu:0", "a:b:c", "\xff", "", ":", "cpu:0"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var n Name
		if err := n.UnmarshalText([]byte(text)); err != nil {
			if n != (Name{}) {
				t.Fatalf("%q is refused and read as %v", text, n)
			}
			return
		}
		if n.String() != text {
			t.Fatalf("%q is read as %v", text, n)
		}
	})
}
