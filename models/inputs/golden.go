package inputs

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"

	"sluice/features/spec"
	"sluice/internal/tensor"
	"sluice/models/bundle"
)

const (
	maxGoldenLines     = 10_000
	maxGoldenLineBytes = 16 << 20
)

// Golden is one request of golden.jsonl and the answer that it must get.
type Golden struct {
	Line    int
	Request Request
	Want    []tensor.Tensor // some or all outputs, in any order
}

type goldenLine struct {
	Request struct {
		Inputs goldenTensors `json:"inputs"`
	} `json:"request"`
	Response struct {
		Outputs goldenTensors `json:"outputs"`
	} `json:"response"`
	Features goldenFeatures `json:"features"`
}

// goldenTensors are read one by one, since a list of a million nothings is a short text.
type goldenTensors []goldenTensor

// maxGoldenTensors is the most that a model may have.
const maxGoldenTensors = 4096

// UnmarshalJSON is json.Unmarshaler's.
func (g *goldenTensors) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	if start, err := decoder.Token(); err != nil || start != json.Delim('[') {
		return errors.Join(errors.New("its inputs and outputs are lists"), err)
	}
	for decoder.More() {
		if len(*g) == maxGoldenTensors {
			return fmt.Errorf("it has more than %d inputs or outputs", maxGoldenTensors)
		}
		var t goldenTensor
		if err := decoder.Decode(&t); err != nil {
			return err
		}
		*g = append(*g, t)
	}
	return nil
}

type goldenTensor struct {
	Name     string          `json:"name"`
	Datatype string          `json:"datatype"`
	Shape    []int64         `json:"shape"`
	Data     json.RawMessage `json:"data"`
}

// DecodeGolden reads golden.jsonl: one JSON object a line, {"request": ..., "response":
// ...}, both as the protocol's JSON. Empty lines are passed over, and so are keys that
// a comparison does not need. FP16 and BF16, which the protocol has no JSON for, are
// plain numbers here. With a plan a request may also be one by ids, with the stored values beside it: "features": {GROUP: [{ENTITY:
// ..., FEATURE: ...}]}. schema is that of the session in either case.
func DecodeGolden(text []byte, schema *tensor.Schema, plan *spec.Plan) ([]Golden, error) {
	var all []Golden
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(make([]byte, 0, 64<<10), maxGoldenLineBytes)
	for n := 1; lines.Scan(); n++ {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		if len(all) == maxGoldenLines {
			return nil, fmt.Errorf("%s has more than %d lines", bundle.GoldenFile, maxGoldenLines)
		}
		g, err := decodeGoldenLine(lines.Bytes(), schema, plan)
		if err != nil {
			return nil, fmt.Errorf("%s line %d: %w", bundle.GoldenFile, n, err)
		}
		g.Line = n
		all = append(all, g)
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return nil, fmt.Errorf("%s has a line of more than %d bytes", bundle.GoldenFile, maxGoldenLineBytes)
	}
	return all, lines.Err()
}

func decodeGoldenLine(text []byte, schema *tensor.Schema, plan *spec.Plan) (Golden, error) {
	var line goldenLine
	var g Golden
	if err := json.Unmarshal(text, &line); err != nil {
		return g, fmt.Errorf(`it is no golden row, {"request": ..., "response": ...}: %w`, err)
	}
	var inputs map[int]tensor.Tensor
	var err error
	if plan != nil && line.Features != nil {
		inputs, err = fillGolden(plan, line.Request.Inputs, line.Features)
	} else {
		inputs, err = decodeTensors("input", line.Request.Inputs, schema.Inputs)
	}
	if err != nil {
		return g, err
	}
	for i := range schema.Inputs {
		t, given := inputs[i]
		if !given {
			return g, fmt.Errorf("input %q is missing", schema.Inputs[i].Name)
		}
		g.Request.Inputs = append(g.Request.Inputs, t)
	}
	if g.Request.Rows, err = countRows(g.Request.Inputs, schema); err != nil {
		return g, err
	}
	outputs, err := decodeTensors("output", line.Response.Outputs, schema.Outputs)
	if err != nil {
		return g, err
	}
	if len(outputs) == 0 {
		return g, errors.New("the response has no outputs to compare with")
	}
	for i := range schema.Outputs {
		if t, given := outputs[i]; given {
			g.Want = append(g.Want, t)
		}
	}
	return g, nil
}

// decodeTensors returns tensors by their place in the schema.
func decodeTensors(kind string, given []goldenTensor, specs []tensor.Spec) (map[int]tensor.Tensor, error) {
	found := make(map[int]tensor.Tensor, len(given))
	for i := range given {
		at := slices.IndexFunc(specs, func(s tensor.Spec) bool { return s.Name == given[i].Name })
		if at < 0 {
			return nil, fmt.Errorf("%s %q is not the model's, which has %s", kind, given[i].Name, bundle.SpecNames(specs))
		}
		if _, twice := found[at]; twice {
			return nil, fmt.Errorf("%s %q is given twice", kind, given[i].Name)
		}
		t, err := given[i].decode(&specs[at])
		if err != nil {
			return nil, fmt.Errorf("%s %q: %w", kind, given[i].Name, err)
		}
		found[at] = t
	}
	return found, nil
}

func (g *goldenTensor) decode(spec *tensor.Spec) (tensor.Tensor, error) {
	if g.Datatype != spec.Type.String() {
		return tensor.Tensor{}, fmt.Errorf("the datatype is %.20q and the model's is %s", g.Datatype, spec.Type)
	}
	shape := spec.OnWire()
	if spec.Dynamic && spec.Wire == nil {
		shape = g.Shape // only a run tells
	}
	if !bundle.Declares(shape, g.Shape) {
		return tensor.Tensor{}, fmt.Errorf("the shape is %v and the model's is %v", g.Shape, shape)
	}
	want, ok := tensor.Elements(g.Shape)
	if !ok || want > maxGoldenLineBytes {
		return tensor.Tensor{}, fmt.Errorf("the shape %v is no valid size", g.Shape)
	}
	data, count, err := decodeData(g.Data, spec.Type)
	if err != nil {
		return tensor.Tensor{}, err
	}
	if int64(count) != want {
		return tensor.Tensor{}, fmt.Errorf("the data has %d elements and the shape %v has %d", count, g.Shape, want)
	}
	own := g.Shape
	if spec.Wire != nil {
		own = spec.Wire.AppendOwn(nil, g.Shape)
	}
	return tensor.Tensor{Name: spec.Name, Type: spec.Type, Shape: own, Data: data}, nil
}

// countRows is the rows of a request; 1 if the model cannot batch. What is given once may be one
// row beside many.
func countRows(inputs []tensor.Tensor, schema *tensor.Schema) (int, error) {
	if !schema.Batchable() {
		return 1, nil
	}
	first := slices.IndexFunc(schema.Inputs, func(s tensor.Spec) bool { return !s.Once })
	rows := inputs[first].Shape[0]
	for i := range inputs {
		if n := inputs[i].Shape[0]; n != rows && (n != 1 || !schema.Inputs[i].Once) {
			return 0, fmt.Errorf("input %q has %d rows and input %q has %d", inputs[i].Name, n, inputs[first].Name, rows)
		}
	}
	if rows < 1 || rows > int64(schema.MaxRows) {
		return 0, fmt.Errorf("the request has %d rows; from 1 to max_rows, %d, are served", rows, schema.MaxRows)
	}
	return int(rows), nil
}

// decodeData walks the leaves of a JSON array, flat or nested.
func decodeData(raw json.RawMessage, t tensor.DataType) (data []byte, count int, err error) {
	if len(raw) == 0 {
		return nil, 0, errors.New("data is missing")
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return data, count, nil
		}
		if err != nil {
			return nil, 0, fmt.Errorf("data is no JSON: %w", err)
		}
		if delim, ok := token.(json.Delim); ok {
			if delim == '[' || delim == ']' {
				continue
			}
			return nil, 0, errors.New("data holds an object; it must be an array")
		}
		if data, err = appendElement(data, t, token); err != nil {
			return nil, 0, fmt.Errorf("element %d: %w", count, err)
		}
		count++
	}
}

func appendElement(dst []byte, t tensor.DataType, token json.Token) ([]byte, error) {
	switch value := token.(type) {
	case nil: // a missing value, as in requests
		if t.Float() {
			return tensor.AppendFloat(dst, t, math.NaN()), nil
		}
		return nil, fmt.Errorf("null is no %s", t)
	case bool:
		if t == tensor.Bool {
			if value {
				return append(dst, 1), nil
			}
			return append(dst, 0), nil
		}
	case string:
		if t == tensor.Bytes {
			return tensor.AppendBytes(dst, value), nil
		}
	case json.Number:
		return appendNumber(dst, t, string(value))
	}
	return nil, fmt.Errorf("%.40q is no %s", fmt.Sprint(token), t)
}

func appendNumber(dst []byte, t tensor.DataType, text string) ([]byte, error) {
	size := t.Size()
	switch t {
	case tensor.FP32, tensor.FP64, tensor.FP16, tensor.BF16:
		value, err := strconv.ParseFloat(text, max(32, 8*size))
		if err != nil {
			return nil, fmt.Errorf("%.40s is outside %s", text, t)
		}
		return tensor.AppendFloat(dst, t, value), nil
	case tensor.Int8, tensor.Int16, tensor.Int32, tensor.Int64:
		value, err := strconv.ParseInt(text, 10, 8*size)
		if err != nil {
			return nil, fmt.Errorf("%.40s is no %s", text, t)
		}
		return binary.LittleEndian.AppendUint64(dst, uint64(value))[:len(dst)+size], nil
	case tensor.Uint8, tensor.Uint16, tensor.Uint32, tensor.Uint64:
		value, err := strconv.ParseUint(text, 10, 8*size)
		if err != nil {
			return nil, fmt.Errorf("%.40s is no %s", text, t)
		}
		return binary.LittleEndian.AppendUint64(dst, value)[:len(dst)+size], nil
	}
	return nil, fmt.Errorf("%.40s is no %s", text, t)
}
