package payload

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"sluice/internal/oip"
	"sluice/internal/oip/client"
	"sluice/internal/tensor"
)

// Row is one variant's inputs and, as far as it is known, its answer. The inputs are those
// of the model, in its order; none for a template.
type Row struct {
	Inputs []tensor.Tensor
	// Outputs are the answer's tensors, some or all of them, in any order.
	Outputs []tensor.Tensor
	// Body is the answer's whole body, where it is not tensors that are compared.
	Body []byte
	// Identity is where in Body the request's own identity stands, IDLength digits; -1 if it
	// is not there.
	Identity int
}

// Header is the first line of a file of expected answers.
type Header struct {
	Format   string   `json:"sluice_expected"`
	Protocol string   `json:"protocol"`
	Server   string   `json:"server,omitempty"`
	Model    string   `json:"model,omitempty"`
	Version  string   `json:"version,omitempty"`
	Digest   string   `json:"digest,omitempty"`
	Seed     uint64   `json:"seed"`
	Variants int      `json:"variants"`
	Inputs   []string `json:"inputs,omitempty"`
}

// Format is the version of the file's form.
const Format = "1"

// The file's form is that of a bundle's golden rows, the protocol's own JSON, with two
// additions: a header line in front, and "b64", the binary form of a tensor, in place of
// "data" where JSON cannot say it (NaN, infinities, bytes that are no text).
type rowLine struct {
	Format  string `json:"sluice_expected,omitempty"`
	Request struct {
		Inputs []tensorLine `json:"inputs,omitempty"`
	} `json:"request"`
	Response struct {
		Outputs  []tensorLine `json:"outputs,omitempty"`
		Body     string       `json:"body,omitempty"`
		BodyB64  []byte       `json:"body_b64,omitempty"`
		Identity *int         `json:"identity,omitempty"`
	} `json:"response"`
}

type tensorLine struct {
	Name     string          `json:"name"`
	Datatype string          `json:"datatype"`
	Shape    []int64         `json:"shape"`
	Data     json.RawMessage `json:"data,omitempty"`
	B64      string          `json:"b64,omitempty"`
}

// AppendHeader appends a header as a line.
func AppendHeader(dst []byte, h *Header) ([]byte, error) {
	dst, err := oip.AppendJSON(dst, h)
	return append(dst, '\n'), err
}

// AppendRow appends a row as a line.
func AppendRow(dst []byte, row *Row) ([]byte, error) {
	var line rowLine
	line.Request.Inputs, line.Response.Outputs = tensorLines(row.Inputs), tensorLines(row.Outputs)
	if row.Body != nil {
		if utf8.Valid(row.Body) {
			line.Response.Body = string(row.Body)
		} else {
			line.Response.BodyB64 = row.Body
		}
		line.Response.Identity = &row.Identity
	}
	dst, err := oip.AppendJSON(dst, &line)
	return append(dst, '\n'), err
}

func tensorLines(tensors []tensor.Tensor) []tensorLine {
	lines := make([]tensorLine, len(tensors))
	for i := range tensors {
		t := &tensors[i]
		lines[i] = tensorLine{Name: t.Name, Datatype: t.Type.String(), Shape: t.Shape}
		if text, err := appendPlain([]byte{'['}, t); err == nil && finite(t) {
			lines[i].Data = append(text, ']')
		} else {
			lines[i].B64 = base64.StdEncoding.EncodeToString(t.Data)
		}
	}
	return lines
}

// finite reports whether JSON has numbers for a tensor's values.
func finite(t *tensor.Tensor) bool {
	if !t.Type.Float() {
		return true
	}
	for i := range len(t.Data) / t.Type.Size() {
		if v := tensor.FloatAt(t.Type, t.Data, i); math.IsNaN(v) || math.IsInf(v, 0) {
			return false
		}
	}
	return true
}

// appendPlain is the protocol's text, to which FP16 and BF16 are plain numbers here.
func appendPlain(dst []byte, t *tensor.Tensor) ([]byte, error) {
	if t.Type != tensor.FP16 && t.Type != tensor.BF16 {
		return client.AppendValues(dst, t)
	}
	for i := range len(t.Data) / 2 {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendFloat(dst, tensor.FloatAt(t.Type, t.Data, i), 'g', -1, 32)
	}
	return dst, nil
}

// parseRow reads a line. header is not nil if the line is one.
func parseRow(text []byte) (row Row, header *Header, err error) {
	var line rowLine
	if err := json.Unmarshal(text, &line); err != nil {
		return row, nil, fmt.Errorf("it is no row: %w", err)
	}
	if line.Format != "" {
		header = &Header{}
		if line.Format != Format {
			return row, nil, fmt.Errorf("it has the form %.20q, and %q is known", line.Format, Format)
		}
		return row, header, json.Unmarshal(text, header)
	}
	if row.Inputs, err = parseTensors("input", line.Request.Inputs); err != nil {
		return row, nil, err
	}
	if row.Outputs, err = parseTensors("output", line.Response.Outputs); err != nil {
		return row, nil, err
	}
	row.Identity = -1
	if row.Body = line.Response.BodyB64; line.Response.Body != "" {
		row.Body = []byte(line.Response.Body)
	}
	if at := line.Response.Identity; at != nil {
		if row.Body == nil {
			row.Body = []byte{} // an answer without a body
		}
		if *at < -1 || *at >= 0 && *at+IdentityLength > len(row.Body) {
			return row, nil, fmt.Errorf("identity %d lies outside of a body of %d bytes", *at, len(row.Body))
		}
		row.Identity = *at
	}
	return row, nil, nil
}

func parseTensors(kind string, lines []tensorLine) ([]tensor.Tensor, error) {
	if len(lines) == 0 {
		return nil, nil
	}
	tensors := make([]tensor.Tensor, len(lines))
	for i := range lines {
		for k := range i {
			if lines[k].Name == lines[i].Name {
				return nil, fmt.Errorf("%s %.100q is there twice", kind, lines[i].Name)
			}
		}
		t, err := lines[i].parse()
		if err != nil {
			return nil, fmt.Errorf("%s %.100q: %w", kind, lines[i].Name, err)
		}
		tensors[i] = t
	}
	return tensors, nil
}

func (l *tensorLine) parse() (tensor.Tensor, error) {
	t := tensor.Tensor{Name: l.Name, Type: tensor.ParseDataType([]byte(l.Datatype)), Shape: l.Shape, Data: []byte{}}
	if t.Type == tensor.Invalid {
		return t, fmt.Errorf("the datatype %.20q is not of the protocol", l.Datatype)
	}
	elements, ok := tensor.Elements(l.Shape)
	if !ok || elements > maxTensor {
		return t, fmt.Errorf("the shape %s is no valid size", showShape(l.Shape))
	}
	if t.Shape == nil {
		t.Shape = []int64{}
	}
	switch {
	case l.Data != nil && l.B64 != "":
		return t, fmt.Errorf("it has both data and b64")
	case l.Data != nil && (t.Type == tensor.FP16 || t.Type == tensor.BF16):
		half := tensor.Tensor{Name: t.Name, Type: tensor.FP32, Shape: t.Shape}
		if err := client.ReadValues(l.Data, &half); err != nil {
			return t, err
		}
		for i := range len(half.Data) / 4 {
			t.Data = tensor.AppendFloat(t.Data, t.Type, tensor.FloatAt(tensor.FP32, half.Data, i))
		}
		return t, nil
	case l.Data != nil:
		return t, client.ReadValues(l.Data, &t)
	}
	data, err := base64.StdEncoding.DecodeString(l.B64)
	if err != nil {
		return t, fmt.Errorf("b64: %w", err)
	}
	t.Data = data
	return t, checkData(&t, elements)
}

// checkData holds that a tensor's data is what its type and shape say.
func checkData(t *tensor.Tensor, elements int64) error {
	if size := int64(t.Type.Size()); size > 0 {
		if int64(len(t.Data)) != elements*size {
			return fmt.Errorf("the data has %d bytes and the shape %s takes %d", len(t.Data), showShape(t.Shape), elements*size)
		}
		return nil
	}
	if n, err := tensor.BytesCount(t.Data); err != nil || int64(n) != elements {
		return fmt.Errorf("the data has %d whole strings and the shape %s takes %d", n, showShape(t.Shape), elements)
	}
	return nil
}
