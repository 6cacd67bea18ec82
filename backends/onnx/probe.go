package onnx

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"

	"sluice/backends/onnx/provider"
	"sluice/internal/device"
	"sluice/internal/onnxgen"
	"sluice/internal/tensor"
)

// The probe's model: small, and of operators that every provider has.
const (
	probeRows   = 4
	probeInputs = 8
	probeWide   = 32
	probeLast   = 4
)

// Probe opens a small perceptron on a device, all of it, runs it there and on the CPU, and
// compares. What a driver does to a process that tries it is not known beforehand: this is for
// a child process, as Trial is.
func Probe(p provider.Provider) error {
	file, err := os.CreateTemp("", "sluice-probe-*.onnx")
	if err != nil {
		return fmt.Errorf("cannot write the probe's model: %w", err)
	}
	defer func() { _ = os.Remove(file.Name()) }()
	_, err = file.Write(onnxgen.MLP{Layers: []int{probeInputs, probeWide, probeLast}, Seed: 1}.Bytes())
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("cannot write the probe's model: %w", err)
	}
	want, err := probe(file.Name(), provider.Provider{})
	if err != nil {
		return fmt.Errorf("not even the CPU runs the probe's model: %w", err)
	}
	if p.Device.Kind == device.CPU {
		return nil
	}
	p.WholeGraph = true
	got, err := probe(file.Name(), p)
	if err != nil {
		return provider.Explain(p.Device.Kind, err, library.path)
	}
	for i := range want {
		if !(math.Abs(got[i]-want[i]) <= 1e-2+1e-2*math.Abs(want[i])) { // half precision may be on
			return fmt.Errorf("device %s computes wrongly: it gives %g where the CPU gives %g", p.Device, got[i], want[i])
		}
	}
	return nil
}

// probe runs the model at path and returns its output.
func probe(path string, p provider.Provider) (values []float64, err error) {
	schema := &tensor.Schema{
		Inputs:   []tensor.Spec{{Name: "input", Type: tensor.FP32, Shape: []int64{-1, probeInputs}}},
		Outputs:  []tensor.Spec{{Name: "output", Type: tensor.FP32, Shape: []int64{-1, probeLast}}},
		MaxBatch: probeRows, MaxRows: probeRows,
	}
	s, err := Open(path, Options{Schema: schema, Provider: p})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	l := &s.lanes[0]
	in := l.in[0].memory.bytes
	for i := range probeRows * probeInputs {
		binary.LittleEndian.PutUint32(in[4*i:], math.Float32bits(float32(i%7)-3))
	}
	if err := s.RunRaw(0, probeRows); err != nil {
		return nil, err
	}
	out := l.out[0].memory.bytes
	for i := range probeRows * probeLast {
		values = append(values, float64(math.Float32frombits(binary.LittleEndian.Uint32(out[4*i:]))))
	}
	return values, nil
}

// Missing says what a device lacks on this machine, as provider.Missing does. Init must have succeeded.
func Missing(name device.Name) []string { return provider.Missing(name, library.path) }
