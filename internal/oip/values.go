package oip

import (
	"encoding/binary"
	"math"
	"strconv"
	"unicode/utf8"

	"sluice/internal/fault"
	"sluice/internal/jsonscan"
	"sluice/internal/tensor"
)

// appendValues appends all elements of a tensor as JSON, commas between them.
func appendValues(dst []byte, v *tensor.Tensor, w writing) ([]byte, error) {
	if v.Type == tensor.Bytes {
		return appendStrings(dst, v, w)
	}
	if v.Type == tensor.FP16 || v.Type == tensor.BF16 {
		return dst, noJSON(v.Type, v.Name)
	}
	kind, size, nulls, end := v.Type, v.Type.Size(), w.nulls, w.end
	for data := v.Data; len(data) >= size; data = data[size:] {
		if len(dst) > end {
			return dst, errFull
		}
		if nulls && nonFiniteAt(kind, data) {
			dst = append(dst, "null,"...)
			continue
		}
		dst = append(appendValue(dst, kind, data), ',')
	}
	if len(v.Data) >= size {
		dst = dst[:len(dst)-1]
	}
	return dst, nil
}

// noJSON is the fault of an output that only binary data carries.
func noJSON(kind tensor.DataType, name string) error {
	return fault.Newf(fault.WrongDatatype, "sending %s data via JSON is not supported. Please use the binary data format for output %s: list it in 'outputs' with the parameter \"binary_data\": true", kind, name)
}

// appendValue appends the element that data begins with.
func appendValue(dst []byte, kind tensor.DataType, data []byte) []byte {
	switch kind {
	case tensor.FP32:
		return appendFloat32(dst, math.Float32frombits(binary.LittleEndian.Uint32(data)))
	case tensor.FP64:
		return appendFloat64(dst, math.Float64frombits(binary.LittleEndian.Uint64(data)))
	case tensor.Bool:
		return strconv.AppendBool(dst, data[0] != 0)
	case tensor.Uint8, tensor.Uint16, tensor.Uint32, tensor.Uint64:
		return strconv.AppendUint(dst, unsignedAt(kind, data), 10)
	default:
		return strconv.AppendInt(dst, signedAt(kind, data), 10)
	}
}

func unsignedAt(kind tensor.DataType, data []byte) uint64 {
	switch kind.Size() {
	case 1:
		return uint64(data[0])
	case 2:
		return uint64(binary.LittleEndian.Uint16(data))
	case 4:
		return uint64(binary.LittleEndian.Uint32(data))
	}
	return binary.LittleEndian.Uint64(data)
}

func signedAt(kind tensor.DataType, data []byte) int64 {
	shift := uint(64 - 8*kind.Size())
	return int64(unsignedAt(kind, data)<<shift) >> shift
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
func appendStrings(dst []byte, v *tensor.Tensor, w writing) ([]byte, error) {
	for data := v.Data; len(data) > 0; {
		element, rest, ok := cutElement(data)
		if !ok {
			return dst, fault.Newf(fault.Internal, "output '%s' holds malformed strings", v.Name)
		}
		var err error
		if dst, err = appendText(dst, v, element, w); err != nil {
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

// appendText appends one BYTES element as a JSON string, which only text can be.
func appendText(dst []byte, v *tensor.Tensor, element []byte, w writing) ([]byte, error) {
	if !utf8.Valid(element) {
		return dst, fault.Newf(fault.InvalidUTF8, "output '%s' holds bytes that are not UTF-8 text: ask for it as binary data", v.Name)
	}
	dst = append(dst, '"')
	for {
		if len(dst) > w.end {
			return dst, errFull
		}
		if len(element) <= textPiece {
			return append(jsonscan.AppendEscaped(dst, element), '"'), nil
		}
		dst, element = jsonscan.AppendEscaped(dst, element[:textPiece]), element[textPiece:]
	}
}

// cutElement splits the first element off the data of a BYTES tensor.
func cutElement(data []byte) (element, rest []byte, ok bool) {
	if len(data) < 4 {
		return nil, nil, false
	}
	size := int64(binary.LittleEndian.Uint32(data))
	data = data[4:]
	if size > int64(len(data)) {
		return nil, nil, false
	}
	return data[:size], data[size:], true
}
