// Package onnxgen writes ONNX models from a few numbers, so that tests and benchmarks
// need no trained file and no Python. The same description gives the same bytes. It
// owns no state; tests, the benchmark and the probe of a device may call it.
package onnxgen

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// MLP is a multilayer perceptron on float32 rows: Gemm and Relu for each hidden layer
// and a Gemm at the end. Its batch axis is free and named "batch".
type MLP struct {
	// Layers are the widths from the inputs to the outputs; at least two.
	Layers []int
	// Repeat inserts so many more layers after the first, all of its width and all with
	// the same weights: work without size.
	Repeat int
	Seed   uint64
	// Input and Output are the tensors' names; empty means "input" and "output".
	Input, Output string
}

// Bytes is the ONNX file. It panics if the description makes no network.
func (m MLP) Bytes() []byte {
	if len(m.Layers) < 2 {
		panic(fmt.Sprintf("BUG: a perceptron needs at least two widths, not %v", m.Layers))
	}
	m.Input, m.Output = orElse(m.Input, "input"), orElse(m.Output, "output")
	var model message
	model.int(1, 8) // IR version
	model.string(2, "sluice-onnxgen")
	model.embed(7, m.graph())
	var opset message
	opset.int(2, 17)
	model.embed(8, opset)
	return model
}

// Write stores the file as DIR/<version>/model.onnx, as a bundle of one version.
func (m MLP) Write(dir, version string) error { return writeBundle(dir, version, m.Bytes()) }

func writeBundle(dir, version string, model []byte) error {
	path := filepath.Join(dir, version, "model.onnx")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("cannot write a generated model: %w", err)
	}
	if err := os.WriteFile(path, model, 0o644); err != nil {
		return fmt.Errorf("cannot write a generated model: %w", err)
	}
	return nil
}

func orElse(name, otherwise string) string {
	if name == "" {
		return otherwise
	}
	return name
}

func (m MLP) graph() message {
	g := message{}
	rng := rand.New(rand.NewPCG(m.Seed, 0x6f6e6e78))
	from := m.Input
	layer := func(k int, weights, to string, relu bool) {
		sum := to
		if relu {
			sum = fmt.Sprint("sum", k)
		}
		g.embed(1, node("Gemm", sum, from, weights+"_w", weights+"_b"))
		if relu {
			g.embed(1, node("Relu", to, sum))
		}
		from = to
	}
	count := 0
	for i := 1; i < len(m.Layers); i++ {
		last := i == len(m.Layers)-1
		to := fmt.Sprint("hidden", count)
		if last {
			to = m.Output
		}
		name := fmt.Sprint("dense", i)
		g.weights(name, m.Layers[i-1], m.Layers[i], rng)
		layer(count, name, to, !last)
		count++
		if i == 1 && !last && m.Repeat > 0 {
			g.weights("repeated", m.Layers[1], m.Layers[1], rng)
			for range m.Repeat {
				layer(count, "repeated", fmt.Sprint("hidden", count), true)
				count++
			}
		}
	}
	g.string(2, "mlp")
	g.embed(11, value(m.Input, m.Layers[0]))
	g.embed(12, value(m.Output, m.Layers[len(m.Layers)-1]))
	return g
}

// weights adds the initialisers of a layer: drawn so that a Relu keeps the scale of what
// goes through (He and others, 2015), with a small bias.
func (m *message) weights(name string, in, out int, rng *rand.Rand) {
	scale := math.Sqrt(2 / float64(in))
	m.embed(5, tensor(name+"_w", []int{in, out}, func() float32 { return float32(scale * rng.NormFloat64()) }))
	m.embed(5, tensor(name+"_b", []int{out}, func() float32 { return float32(0.01 * rng.NormFloat64()) }))
}
