// Package device has the form of a device's name, a place where models run: `cpu`, `cuda:1`,
// `tensorrt:0`, `webgpu`, `fake`. It owns no state and opens no device; every package may call it.
// Package backends/fleet knows which kinds of devices there are.
package device

import (
	"fmt"
	"strconv"
	"strings"
)

// Kind is how a device is reached: the word that its name begins with. The word of a kind whose
// devices are counted ends in the colon that stands before the number.
type Kind string

// The kinds that more than one package knows. CPU is the zero value: a device that nobody named is
// the machine's own.
const (
	CPU      Kind = ""
	CUDA     Kind = "cuda:"
	TensorRT Kind = "tensorrt:"
	WebGPU   Kind = "webgpu"
	// Fake is a device of the tests and of demonstrations. It is never chosen by itself.
	Fake Kind = "fake"
)

// MaxIndex is the largest number of a GPU; no machine comes near.
const MaxIndex = 255

const cpu = "cpu"

// String is the kind's word.
func (k Kind) String() string {
	if k == CPU {
		return cpu
	}
	return strings.TrimSuffix(string(k), ":")
}

// Counted reports whether a machine may have several devices of the kind, which have numbers.
func (k Kind) Counted() bool { return strings.HasSuffix(string(k), ":") }

// GPU reports whether ONNX Runtime reaches a device with memory and a driver of its own by this kind.
func (k Kind) GPU() bool { return k == CUDA || k == TensorRT || k == WebGPU }

// Name is one device. It is comparable, and the zero value is cpu.
type Name struct {
	Kind Kind
	// Index is the GPU's number, as nvidia-smi counts, for a kind that is counted; else 0.
	Index int
}

// String is the name as it is written in settings.
func (n Name) String() string {
	if n.Kind.Counted() {
		return string(n.Kind) + strconv.Itoa(n.Index)
	}
	return n.Kind.String()
}

// MarshalText writes the name as String does.
func (n Name) MarshalText() ([]byte, error) { return []byte(n.String()), nil }

// UnmarshalText reads what MarshalText wrote. It knows the form of names and not which kinds there are.
func (n *Name) UnmarshalText(text []byte) error {
	word, number, counted := strings.Cut(string(text), ":")
	switch {
	case word == "" || word == cpu && counted:
		return fmt.Errorf("%q is no name of a device", text)
	case word == cpu:
		*n = Name{}
		return nil
	case !counted:
		*n = Name{Kind: Kind(word)}
		return nil
	}
	index, err := ParseIndex(number)
	if err != nil {
		return fmt.Errorf("device %q: %w", text, err)
	}
	*n = Name{Kind: Kind(word + ":"), Index: index}
	return nil
}

// ParseIndex reads the number of a device. Each has one spelling, so that two names of the same
// device are the same text.
func ParseIndex(number string) (int, error) {
	index, err := strconv.Atoi(number)
	if err != nil || index < 0 || index > MaxIndex || strconv.Itoa(index) != number {
		return 0, fmt.Errorf("%q is not a number from 0 to %d", number, MaxIndex)
	}
	return index, nil
}
