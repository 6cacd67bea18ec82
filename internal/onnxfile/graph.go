package onnxfile

import (
	"fmt"
	"math"
	"strconv"
)

// graph reads a GraphProto. Of nested graphs (depth above 0) only operators and
// external data matter.
func (m *Model) graph(message []byte, depth int) error {
	if depth > maxGraphDepth {
		return fmt.Errorf("graphs are nested deeper than %d", maxGraphDepth)
	}
	return walk(message, func(f field) error {
		switch f.id {
		case 1:
			return m.node(f.data, depth)
		case 5:
			return m.tensor(f.data, depth)
		case 15: // a sparse tensor: values and indices are tensors
			return walk(f.data, func(f field) error {
				if f.id == 1 || f.id == 2 {
					return m.tensor(f.data, depth)
				}
				return nil
			})
		case 11, 12:
			if depth > 0 {
				return nil
			}
			v, err := value(f.data)
			if err != nil {
				return err
			}
			list := &m.Inputs
			if f.id == 12 {
				list = &m.Outputs
			}
			if len(*list) >= maxValues {
				return fmt.Errorf("more than %d inputs or outputs", maxValues)
			}
			*list = append(*list, v)
		}
		return nil
	})
}

func (m *Model) node(message []byte, depth int) error {
	op, domain, output, name := "", "", "", ""
	var labels []string
	err := walk(message, func(f field) error {
		switch f.id {
		case 2:
			if output == "" {
				output = string(f.data)
			}
		case 3:
			name = string(f.data)
		case 4:
			op = string(f.data)
		case 7:
			domain = string(f.data)
		case 5:
			found, err := m.attribute(f.data, depth)
			labels = append(labels, found...)
			return err
		}
		return nil
	})
	m.Ops[qualified(domain, op)]++
	if q := qualified(domain, op); (q == "Sin" || q == "Cos" || q == "Tan") && name != "" && len(m.Trigonometry) < maxTrig {
		m.Trigonometry = append(m.Trigonometry, name)
	}
	if op == "ZipMap" && depth == 0 {
		m.zipLabels[output] = labels
	}
	return err
}

func qualified(domain, op string) string {
	if domain == "" || domain == "ai.onnx" {
		return op
	}
	return domain + "." + op
}

// attribute looks for nested graphs and tensors, and returns the class labels if
// it is an attribute of that name.
func (m *Model) attribute(message []byte, depth int) (labels []string, err error) {
	name := ""
	err = walk(message, func(f field) error {
		switch f.id {
		case 1:
			name = string(f.data)
		case 5, 10:
			return m.tensor(f.data, depth+1)
		case 6, 11:
			return m.graph(f.data, depth+1)
		}
		return nil
	})
	if err != nil || (name != "classlabels_strings" && name != "classlabels_int64s") {
		return nil, err
	}
	err = walk(message, func(f field) error {
		switch f.id {
		case 9:
			labels = append(labels, string(f.data))
		case 8:
			list, err := f.appendInts(nil, math.MaxInt)
			for _, n := range list {
				labels = append(labels, strconv.FormatInt(n, 10))
			}
			return err
		}
		return nil
	})
	return labels, err
}

// function notes the operators that the file defines itself, and those they use.
func (m *Model) function(message []byte) error {
	name, domain := "", ""
	err := walk(message, func(f field) error {
		switch f.id {
		case 1:
			name = string(f.data)
		case 10:
			domain = string(f.data)
		case 7:
			return m.node(f.data, 1)
		}
		return nil
	})
	m.functions[qualified(domain, name)] = true
	return err
}

// tensor notes an initialiser's name (depth 0) and where its data lies.
func (m *Model) tensor(message []byte, depth int) error {
	name := ""
	ext := External{Length: -1}
	external := false
	err := walk(message, func(f field) error {
		switch f.id {
		case 8:
			name = string(f.data)
		case 13:
			external = true
			return ext.set(f.data)
		case 14:
			external = external || f.number == 1
		}
		return nil
	})
	if err != nil {
		return err
	}
	if depth == 0 {
		m.initializers[name] = true
	}
	if external {
		if err := ext.checkLocation(name); err != nil {
			return err
		}
		return m.addExternal(ext)
	}
	return nil
}
