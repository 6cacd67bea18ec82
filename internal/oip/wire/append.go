package wire

import (
	"encoding/binary"
	"math"
	"strconv"
	"unicode/utf8"

	"sluice/internal/fault"
	"sluice/internal/jsonscan"
	"sluice/internal/tensor"
)

// AppendBinary appends the entry of a tensor whose data is behind the JSON.
func AppendBinary(dst []byte, v *tensor.Tensor) []byte {
	dst = append(appendHead(dst, v), `,"parameters":{"binary_data_size":`...)
	dst = strconv.AppendInt(dst, int64(len(v.Data)), 10)
	return append(dst, '}', '}')
}

// AppendJSON appends the entry of a tensor with its data.
func (w Writing) AppendJSON(dst []byte, v *tensor.Tensor) ([]byte, error) {
	dst, err := w.AppendValues(append(appendHead(dst, v), `,"data":[`...), v)
	return append(dst, ']', '}'), err
}

func appendHead(dst []byte, v *tensor.Tensor) []byte {
	dst = jsonscan.AppendString(append(dst, `{"name":`...), v.Name)
	dst = append(dst, `,"datatype":"`...)
	dst = append(dst, v.Type.String()...)
	return tensor.AppendShape(append(dst, `","shape":`...), v.Shape)
}

// AppendValues appends all elements of a tensor as JSON, commas between them: floats with the fewest digits
// that give the same value back. It fails for FP16 and BF16, and for BYTES that are no UTF-8 text.
func (w Writing) AppendValues(dst []byte, v *tensor.Tensor) ([]byte, error) {
	if v.Type == tensor.Bytes {
		return w.appendStrings(dst, v)
	}
	if v.Type.Half() {
		return dst, NoJSON(v.Type, v.Name)
	}
	size := v.Type.Size()
	for data := v.Data; len(data) >= size; data = data[size:] {
		if len(dst) > w.End {
			return dst, ErrFull
		}
		dst = append(w.AppendElement(dst, v.Type, data), ',')
	}
	if len(v.Data) >= size {
		dst = dst[:len(dst)-1]
	}
	return dst, nil
}

// NoJSON is the fault of an output that only binary data carries.
func NoJSON(kind tensor.DataType, name string) error {
	return fault.Newf(fault.WrongDatatype, "sending %s data via JSON is not supported. Please use the binary data format for output %s: list it in 'outputs' with the parameter \"binary_data\": true", kind, name)
}

// AppendElement appends the element of a fixed size that data begins with.
func (w Writing) AppendElement(dst []byte, kind tensor.DataType, data []byte) []byte {
	if w.nulls && nonFiniteAt(kind, data) {
		return append(dst, "null"...)
	}
	switch kind {
	case tensor.FP32:
		return appendFloat32(dst, math.Float32frombits(binary.LittleEndian.Uint32(data)))
	case tensor.FP64:
		return appendFloat64(dst, math.Float64frombits(binary.LittleEndian.Uint64(data)))
	case tensor.Bool:
		return strconv.AppendBool(dst, data[0] != 0)
	case tensor.Uint8, tensor.Uint16, tensor.Uint32, tensor.Uint64:
		return strconv.AppendUint(dst, tensor.UintAt(kind, data), 10)
	default:
		return strconv.AppendInt(dst, tensor.IntAt(kind, data), 10)
	}
}

// nonFiniteAt reports whether the float that data begins with is NaN or infinite.
func nonFiniteAt(kind tensor.DataType, data []byte) bool {
	switch kind {
	case tensor.FP32:
		const exponent = 0xff << 23
		return tensor.UintAt(kind, data)&exponent == exponent
	case tensor.FP64:
		const exponent = 0x7ff << 52
		return tensor.UintAt(kind, data)&exponent == exponent
	}
	return false
}

// twiceRounded is the only float32, of either sign, whose shortest text gives another
// one to a reader that rounds to float64 first and then to float32, as most JSON
// readers do: 7.038531e-26. A run over all float32 has shown no second.
const twiceRounded = 0x15ae43fd

// appendFloat32 appends the shortest text that reads back as v, also through a float64.
func appendFloat32(dst []byte, v float32) []byte {
	if n := int32(v); float32(n) == v && n > -1<<24 && n < 1<<24 && (n != 0 || math.Float32bits(v) == 0) {
		return append(strconv.AppendInt(dst, int64(n), 10), '.', '0')
	}
	if math.Float32bits(v)&^(1<<31) == twiceRounded {
		return appendFloat64(dst, float64(v))
	}
	return appendFloat(dst, float64(v), 32)
}

func appendFloat64(dst []byte, v float64) []byte { return appendFloat(dst, v, 64) }

// appendFloat writes decimals from 1e-6 up to 1e21, an exponent outside, and always
// something that tells a float from an integer.
func appendFloat(dst []byte, v float64, bits int) []byte {
	abs := math.Abs(v)
	switch {
	case math.IsNaN(v):
		return append(dst, "NaN"...)
	case abs > math.MaxFloat64:
		if v < 0 {
			dst = append(dst, '-')
		}
		return append(dst, "Infinity"...)
	case abs != 0 && (abs < 1e-6 || abs >= 1e21):
		return strconv.AppendFloat(dst, v, 'e', -1, bits)
	}
	from := len(dst)
	dst = strconv.AppendFloat(dst, v, 'f', -1, bits)
	for _, c := range dst[from:] {
		if c == '.' {
			return dst
		}
	}
	return append(dst, '.', '0')
}

// appendStrings appends BYTES elements as JSON strings.
func (w Writing) appendStrings(dst []byte, v *tensor.Tensor) ([]byte, error) {
	for data := v.Data; len(data) > 0; {
		element, rest, err := CutString(v, data)
		if err != nil {
			return dst, err
		}
		if dst, err = w.AppendText(dst, v, element); err != nil {
			return dst, err
		}
		dst = append(dst, ',')
		data = rest
	}
	if len(v.Data) > 0 {
		dst = dst[:len(dst)-1]
	}
	return dst, nil
}

// textPiece is how much of a string is written before its length is held against the limit:
// escapes can make it six times as long.
const textPiece = 64 << 10

// AppendText appends one BYTES element as a JSON string, which only text can be.
func (w Writing) AppendText(dst []byte, v *tensor.Tensor, element []byte) ([]byte, error) {
	if !utf8.Valid(element) {
		return dst, fault.Newf(fault.InvalidUTF8, "output '%s' holds bytes that are not UTF-8 text: ask for it as binary data", v.Name)
	}
	dst = append(dst, '"')
	for {
		if len(dst) > w.End {
			return dst, ErrFull
		}
		if len(element) <= textPiece {
			return append(jsonscan.AppendEscaped(dst, element), '"'), nil
		}
		dst, element = jsonscan.AppendEscaped(dst, element[:textPiece]), element[textPiece:]
	}
}

// CutString splits the first element off the data of a BYTES output.
func CutString(v *tensor.Tensor, data []byte) (element, rest []byte, err error) {
	span, err := tensor.BytesSpan(data, 0, 1)
	if err != nil {
		return nil, nil, fault.Newf(fault.Internal, "output '%s' holds malformed strings", v.Name)
	}
	return span[4:], data[len(span):], nil
}
