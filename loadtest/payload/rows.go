package payload

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sluice/internal/remedy"
	"sluice/internal/tensor"
)

const maxLineBytes = 256 << 20

// ReadRows reads golden rows, or a file of expected answers: one JSON object a line, empty
// lines are passed over. The header is nil for golden rows.
func ReadRows(r io.Reader) (*Header, []Row, error) {
	var header *Header
	var rows []Row
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 64<<10), maxLineBytes)
	for n := 1; lines.Scan(); n++ {
		text := bytes.TrimSpace(lines.Bytes())
		if len(text) == 0 {
			continue
		}
		row, head, err := parseRow(text)
		switch {
		case err != nil:
			return nil, nil, fmt.Errorf("line %d: %w", n, err)
		case head != nil && (header != nil || len(rows) > 0):
			return nil, nil, fmt.Errorf("line %d: a header belongs on the first line", n)
		case head != nil:
			header = head
			continue
		case len(rows) == maxVariants:
			return nil, nil, fmt.Errorf("line %d: more than %d rows", n, maxVariants)
		}
		rows = append(rows, row)
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return nil, nil, fmt.Errorf("a line has more than %d bytes", maxLineBytes)
	}
	if lines.Err() == nil && header != nil && header.Variants != len(rows) {
		return nil, nil, fmt.Errorf("the header says %d variants, and there are %d: the file was cut", header.Variants, len(rows))
	}
	return header, rows, lines.Err()
}

// OpenRows reads a file of rows. The error is a *UsageError.
func OpenRows(path string) (*Header, []Row, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, usagef("cannot read rows: %v", remedy.Whole(err))
	}
	defer file.Close()
	header, rows, err := ReadRows(file)
	switch {
	case err != nil:
		return nil, nil, usagef("%s: %v", path, err)
	case len(rows) == 0:
		return nil, nil, usagef("%s has no rows", path)
	}
	return header, rows, nil
}

// fitRow puts a row's inputs into the model's order and holds them against its schema.
func fitRow(m *Model, row *Row) error {
	fitted := make([]tensor.Tensor, len(m.Inputs))
	for i := range m.Inputs {
		spec := &m.Inputs[i]
		at := slices.IndexFunc(row.Inputs, func(in tensor.Tensor) bool { return in.Name == spec.Name })
		if at < 0 {
			return fmt.Errorf("input %q of model %q is missing", spec.Name, m.Name)
		}
		if err := fitTensor(spec, &row.Inputs[at]); err != nil {
			return fmt.Errorf("input %q: %w", spec.Name, err)
		}
		fitted[i] = row.Inputs[at]
	}
	for _, in := range row.Inputs {
		if !hasSpec(m.Inputs, in.Name) {
			return fmt.Errorf("input %q is not one of model %q", in.Name, m.Name)
		}
	}
	for _, out := range row.Outputs {
		// A server that tells no outputs is taken at its word.
		if len(m.Outputs) > 0 && !hasSpec(m.Outputs, out.Name) {
			return fmt.Errorf("output %q is not one of model %q", out.Name, m.Name)
		}
	}
	row.Inputs = fitted
	return nil
}

func hasSpec(specs []tensor.Spec, name string) bool {
	return slices.ContainsFunc(specs, func(s tensor.Spec) bool { return s.Name == name })
}

func fitTensor(spec *tensor.Spec, t *tensor.Tensor) error {
	switch {
	case t.Type != spec.Type:
		return fmt.Errorf("the datatype is %s and the model's is %s", t.Type, spec.Type)
	case !fitsShape(spec.Shape, t.Shape):
		return fmt.Errorf("the shape is %s and the model's is %s", showShape(t.Shape), showShape(spec.Shape))
	case len(t.Data) > maxTensor:
		return fmt.Errorf("%d bytes are more than the limit of %d", len(t.Data), maxTensor)
	}
	return nil
}

// npyRows reads a directory of .npy files: NAME.npy for one variant, NAME-000.npy and so on
// for several. A slash in an input's name is an underscore in the file's.
func npyRows(m *Model, dir string, most int) ([]Row, error) {
	var rows []Row
	for len(rows) < most {
		row := Row{Identity: -1}
		for i := range m.Inputs {
			spec := &m.Inputs[i]
			path, ok := npyPath(dir, spec.Name, len(rows))
			if !ok {
				break
			}
			t, err := readNpy(path, spec)
			if err != nil {
				return nil, usagef("%s: %v", path, err)
			}
			row.Inputs = append(row.Inputs, t)
		}
		if len(row.Inputs) == 0 && len(rows) > 0 {
			break
		}
		if len(row.Inputs) < len(m.Inputs) {
			missing := m.Inputs[len(row.Inputs)].Name
			return nil, usagef("%s has no file for variant %d of input %q: it must be called %s-%03d.npy, or %s.npy if there is one variant only", dir, len(rows), missing, fileName(missing), len(rows), fileName(missing))
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func npyPath(dir, name string, variant int) (string, bool) {
	path := filepath.Join(dir, fmt.Sprintf("%s-%03d.npy", fileName(name), variant))
	if _, err := os.Stat(path); err == nil {
		return path, true
	}
	path = filepath.Join(dir, fileName(name)+".npy")
	_, err := os.Stat(path)
	return path, err == nil && variant == 0
}

func fileName(name string) string { return strings.ReplaceAll(name, "/", "_") }

func readNpy(path string, spec *tensor.Spec) (tensor.Tensor, error) {
	file, err := os.Open(path)
	if err != nil {
		return tensor.Tensor{}, err
	}
	defer file.Close()
	t, err := parseNpy(io.LimitReader(file, maxTensor+maxNpyHeader+16))
	if err != nil {
		return t, err
	}
	if spec.Type == tensor.BF16 && (t.Type == tensor.Int16 || t.Type == tensor.Uint16) {
		t.Type = tensor.BF16 // which the format cannot name: its bits travel as integers
	}
	t.Name = spec.Name
	return t, fitTensor(spec, &t)
}
