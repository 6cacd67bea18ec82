package zoo

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strconv"
)

// The protocol is written here once more, without the gateway's own code: a fault that both
// sides share would not be seen.

// form is how tensors are sent and asked for.
type form bool

const (
	asJSON   form = false
	asBinary form = true
)

func (f form) String() string {
	if f == asBinary {
		return "binary"
	}
	return "JSON"
}

// encode makes a request's body, and the length of its JSON part.
func encode(inputs []tensor, f form) (body []byte, header int) {
	body = append(body, `{"inputs":[`...)
	var tail []byte
	for i := range inputs {
		in := &inputs[i]
		if i > 0 {
			body = append(body, ',')
		}
		shape, _ := json.Marshal(in.Shape)
		body = fmt.Appendf(body, `{"name":%q,"datatype":%q,"shape":%s,`, in.Name, in.Datatype, shape)
		if f == asBinary {
			before := len(tail)
			tail = appendRaw(tail, in)
			body = fmt.Appendf(body, `"parameters":{"binary_data_size":%d}}`, len(tail)-before)
			continue
		}
		body = append(body, `"data":[`...)
		for k, value := range in.Data {
			if k > 0 {
				body = append(body, ',')
			}
			body = appendText(body, value)
		}
		body = append(body, "]}"...)
	}
	body = fmt.Appendf(body, `],"parameters":{"binary_data_output":%t}}`, f == asBinary)
	return append(body, tail...), len(body)
}

// appendText writes a value as JSON. NaN and Infinity are tokens in this protocol.
func appendText(dst []byte, value any) []byte {
	switch v := value.(type) {
	case float64:
		if math.IsNaN(v) {
			return append(dst, "NaN"...)
		}
		if math.IsInf(v, 0) {
			return append(dst, map[bool]string{true: "Infinity", false: "-Infinity"}[v > 0]...)
		}
		return strconv.AppendFloat(dst, v, 'g', -1, 64)
	case string:
		quoted, _ := json.Marshal(v)
		return append(dst, quoted...)
	}
	return fmt.Append(dst, value)
}

// widths are the bytes of an element.
var widths = map[string]int{
	"BOOL": 1, "INT8": 1, "UINT8": 1, "INT16": 2, "UINT16": 2, "FP16": 2,
	"INT32": 4, "UINT32": 4, "FP32": 4, "INT64": 8, "UINT64": 8, "FP64": 8,
}

// appendRaw writes a tensor as the protocol's binary data.
func appendRaw(dst []byte, t *tensor) []byte {
	for _, value := range t.Data {
		if s, ok := value.(string); ok {
			dst = binary.LittleEndian.AppendUint32(dst, uint32(len(s)))
			dst = append(dst, s...)
			continue
		}
		var word [8]byte
		binary.LittleEndian.PutUint64(word[:], bits(t.Datatype, value))
		dst = append(dst, word[:widths[t.Datatype]]...)
	}
	return dst
}

// bits is a number as its datatype holds it, in the low bytes.
func bits(datatype string, value any) uint64 {
	switch v := value.(type) {
	case bool:
		return map[bool]uint64{true: 1}[v]
	case int64:
		return uint64(v)
	case uint64:
		return v
	case float64:
		switch datatype {
		case "FP64":
			return math.Float64bits(v)
		case "FP32":
			return uint64(math.Float32bits(float32(v)))
		case "FP16":
			return uint64(toHalf(v))
		}
	}
	panic(fmt.Sprintf("BUG: a %T in a tensor of %s", value, datatype))
}

// readRaw reads binary data into a tensor whose type and shape are known.
func readRaw(t *tensor, data []byte) error {
	n := elements(t.Shape)
	if n < 0 || n > len(data) {
		return fmt.Errorf("cannot read output %q of shape %v from %d bytes", t.Name, t.Shape, len(data))
	}
	t.Data = make([]any, 0, n)
	for range n {
		if t.Datatype == "BYTES" {
			if len(data) < 4 || uint64(len(data)-4) < uint64(binary.LittleEndian.Uint32(data)) {
				return fmt.Errorf("cannot read output %q: its strings end early", t.Name)
			}
			end := 4 + int(binary.LittleEndian.Uint32(data))
			t.Data, data = append(t.Data, string(data[4:end])), data[end:]
			continue
		}
		width := widths[t.Datatype]
		if width == 0 || len(data) < width {
			return fmt.Errorf("cannot read output %q of type %s: %d bytes are left", t.Name, t.Datatype, len(data))
		}
		var word [8]byte
		copy(word[:], data[:width])
		t.Data, data = append(t.Data, number(t.Datatype, binary.LittleEndian.Uint64(word[:]))), data[width:]
	}
	if len(data) > 0 {
		return fmt.Errorf("cannot read output %q: %d bytes are left over", t.Name, len(data))
	}
	return nil
}

// number is the reverse of bits.
func number(datatype string, word uint64) any {
	switch datatype {
	case "BOOL":
		return word != 0
	case "FP64":
		return math.Float64frombits(word)
	case "FP32":
		return float64(math.Float32frombits(uint32(word)))
	case "FP16":
		return fromHalf(uint16(word))
	case "INT8":
		return int64(int8(word))
	case "INT16":
		return int64(int16(word))
	case "INT32":
		return int64(int32(word))
	case "INT64":
		return int64(word)
	}
	return word
}

// token is a float that JSON has no number for.
var token = regexp.MustCompile(`([\[,])(-?Infinity|NaN)`)

// quoteTokens makes such floats strings, as in cases.jsonl.
func quoteTokens(body []byte) []byte {
	if !bytes.Contains(body, []byte("NaN")) && !bytes.Contains(body, []byte("Infinity")) {
		return body
	}
	// Neighbours share a comma, so that one pass leaves every second one.
	return token.ReplaceAll(token.ReplaceAll(body, []byte(`$1"$2"`)), []byte(`$1"$2"`))
}

// decode reads an answer's outputs; header is the length of its JSON part, 0 if it is all JSON.
func decode(body []byte, header int) ([]tensor, error) {
	if header == 0 {
		var answer struct{ Outputs []tensor }
		err := json.Unmarshal(quoteTokens(body), &answer)
		return answer.Outputs, err
	}
	if header < 0 || header > len(body) {
		return nil, fmt.Errorf("cannot split an answer of %d bytes after %d", len(body), header)
	}
	var answer struct {
		Outputs []struct {
			Name, Datatype string
			Shape          []int
			Parameters     struct {
				Size *int `json:"binary_data_size"`
			}
		}
	}
	if err := json.Unmarshal(body[:header], &answer); err != nil {
		return nil, err
	}
	tail := body[header:]
	outputs := make([]tensor, len(answer.Outputs))
	for i, o := range answer.Outputs {
		if o.Parameters.Size == nil || *o.Parameters.Size < 0 || *o.Parameters.Size > len(tail) {
			return nil, fmt.Errorf("cannot find the binary data of output %q", o.Name)
		}
		outputs[i] = tensor{Name: o.Name, Datatype: o.Datatype, Shape: o.Shape}
		if err := readRaw(&outputs[i], tail[:*o.Parameters.Size]); err != nil {
			return nil, err
		}
		tail = tail[*o.Parameters.Size:]
	}
	return outputs, nil
}
