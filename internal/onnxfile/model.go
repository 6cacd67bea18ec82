package onnxfile

import (
	"fmt"
	"os"
	"strings"
)

const (
	maxGraphDepth = 32      // nested If, Loop and Scan bodies
	maxValues     = 1 << 16 // inputs or outputs, weights listed among them
	maxMetadata   = 1024
	maxExternal   = 256 // a bundle has no more files
	maxTrig       = 4096
)

// Model is what a file says about itself.
type Model struct {
	IRVersion int64
	Producer  string // name and version
	Opsets    map[string]int64
	Metadata  map[string]string
	// Inputs are those that a caller gives: graph inputs that are not initialisers.
	Inputs, Outputs []Value
	// Defaulted are the inputs that have a value in the file, which a caller may replace. Files
	// of IR version 3 and older list every weight there, and have none.
	Defaulted []Value
	// Ops counts the nodes of each operator anywhere in the file, by "domain.Op", or "Op" for
	// the standard domain.
	Ops map[string]int
	// Trigonometry names the nodes that compute a sine, a cosine or a tangent, which GPUs may do with
	// few bits. At most 4096; nodes without a name are left out.
	Trigonometry []string
	// External lists the data beside the file, each location once.
	External []External

	initializers map[string]bool
	functions    map[string]bool
	zipLabels    map[string][]string // by output name
}

// Read parses the file at path.
func Read(path string) (*Model, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read model: %w", err)
	}
	return Parse(data)
}

// Parse reads a serialised ModelProto.
func Parse(data []byte) (*Model, error) {
	if len(data) == 0 {
		return nil, fmt.Errorf("the file is empty")
	}
	m := &Model{
		Opsets: map[string]int64{}, Metadata: map[string]string{}, Ops: map[string]int{},
		initializers: map[string]bool{}, functions: map[string]bool{}, zipLabels: map[string][]string{},
	}
	graphs, producer, version := 0, "", ""
	err := walk(data, func(f field) error {
		switch f.id {
		case 1:
			m.IRVersion = int64(f.number)
		case 2:
			producer = string(f.data)
		case 3:
			version = string(f.data)
		case 7:
			graphs++
			if err := f.expect("the graph"); err != nil {
				return err
			}
			return m.graph(f.data, 0)
		case 8:
			return m.opset(f.data)
		case 14:
			return m.property(f.data)
		case 25:
			return m.function(f.data)
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("not a valid ONNX file: %w", err)
	case graphs != 1:
		return nil, fmt.Errorf("not a valid ONNX file: it holds %d graphs, not one", graphs)
	}
	m.Producer = strings.TrimSpace(producer + " " + version)
	m.dropInitializerInputs()
	return m, nil
}

func (m *Model) opset(message []byte) error {
	domain, version, err := opset(message)
	m.Opsets[domain] = version
	return err
}

// opset reads the version of a domain's operators.
func opset(message []byte) (domain string, version int64, err error) {
	err = walk(message, func(f field) error {
		switch f.id {
		case 1:
			domain = string(f.data)
		case 2:
			version = int64(f.number)
		}
		return nil
	})
	return domain, version, err
}

func (m *Model) property(message []byte) error {
	if len(m.Metadata) >= maxMetadata {
		return nil
	}
	key, value, err := entry(message)
	m.Metadata[key] = value
	return err
}

// dropInitializerInputs removes the inputs that are weights: files of IR version 3
// and older list every initialiser among the inputs.
func (m *Model) dropInitializerInputs() {
	kept := m.Inputs[:0]
	for _, v := range m.Inputs {
		switch {
		case !m.initializers[v.Name]:
			kept = append(kept, v)
		case m.IRVersion >= 4:
			m.Defaulted = append(m.Defaulted, v)
		}
	}
	m.Inputs = kept
}
