// Package device names the places where models run: `cpu`, `cuda:1`, `tensorrt:0`,
// `webgpu`, `fake`. It owns no state and opens no device; every package may call it.
package device

import (
	"fmt"
	"strconv"
	"strings"
)

// Kind is how a device is reached.
type Kind uint8

// The kinds. CPU is the zero value: a device that nobody named is the machine's own.
const (
	CPU Kind = iota
	CUDA
	TensorRT
	WebGPU
	// Fake is a device of the tests and of the simulation. It is never chosen by itself.
	Fake
)

var kinds = [...]string{CPU: "cpu", CUDA: "cuda", TensorRT: "tensorrt", WebGPU: "webgpu", Fake: "fake"}

// maxIndex is the largest number of a GPU; no machine comes near.
const maxIndex = 255

// Possible lists the names, for error messages.
const Possible = "cpu, cuda:N, tensorrt:N, webgpu and fake, with N the GPU's number from 0"

// String is the kind's word.
func (k Kind) String() string {
	if int(k) < len(kinds) {
		return kinds[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Name is one device. It is comparable, and the zero value is cpu.
type Name struct {
	Kind Kind
	// Index is the GPU's number, as nvidia-smi counts, for CUDA and TensorRT; else 0.
	Index int
}

// Parse reads a device's name. Each device has one spelling, so that two names of the
// same device are the same text.
func Parse(text string) (Name, error) {
	word, number, numbered := strings.Cut(text, ":")
	for k, known := range kinds {
		if word != known {
			continue
		}
		kind := Kind(k)
		switch {
		case kind.numbered() && !numbered:
			return Name{}, fmt.Errorf("device %q lacks the GPU's number: write %s:0 for the first", text, word)
		case !kind.numbered() && !numbered:
			return Name{Kind: kind}, nil
		case kind == WebGPU:
			return Name{}, fmt.Errorf("device %q has a number, which WebGPU does not know: write webgpu, and choose the GPU of its process with VK_DRIVER_FILES in the device's env", text)
		case !kind.numbered():
			return Name{}, fmt.Errorf("device %q has a number: write %s", text, word)
		}
		index, err := strconv.Atoi(number)
		if err != nil || index < 0 || index > maxIndex || strconv.Itoa(index) != number {
			return Name{}, fmt.Errorf("device %q has no GPU's number behind the colon: write %s:0 to %s:%d", text, word, word, maxIndex)
		}
		return Name{Kind: kind, Index: index}, nil
	}
	return Name{}, fmt.Errorf("device %q is unknown: the possible names are %s", text, Possible)
}

func (k Kind) numbered() bool { return k == CUDA || k == TensorRT }

// GPU reports whether the device is one with memory and a driver of its own.
func (k Kind) GPU() bool { return k == CUDA || k == TensorRT || k == WebGPU }

// String is the name as Parse reads it.
func (n Name) String() string {
	if n.Kind.numbered() {
		return n.Kind.String() + ":" + strconv.Itoa(n.Index)
	}
	return n.Kind.String()
}

// MarshalText writes the name as String does.
func (n Name) MarshalText() ([]byte, error) { return []byte(n.String()), nil }

// UnmarshalText reads what Parse reads.
func (n *Name) UnmarshalText(text []byte) (err error) {
	*n, err = Parse(string(text))
	return err
}
