package payload

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"sluice/internal/tensor"
)

const (
	npyMagic     = "\x93NUMPY"
	maxNpyHeader = 64 << 10
)

// npyHeader matches the dictionary that the header of an .npy file is, whose keys numpy
// writes in this order.
var npyHeader = regexp.MustCompile(`^\{'descr': '([^']*)', 'fortran_order': (True|False), 'shape': \(([0-9, ]*)\),? *\}[ \n]*$`)

var npyTypes = map[string]tensor.DataType{
	"|b1": tensor.Bool, "|u1": tensor.Uint8, "<u2": tensor.Uint16, "<u4": tensor.Uint32, "<u8": tensor.Uint64,
	"|i1": tensor.Int8, "<i2": tensor.Int16, "<i4": tensor.Int32, "<i8": tensor.Int64,
	"<f2": tensor.FP16, "<f4": tensor.FP32, "<f8": tensor.FP64,
}

// parseNpy reads an array of numpy's file format, version 1, 2 or 3, little endian, in C
// order: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html.
func parseNpy(r io.Reader) (t tensor.Tensor, err error) {
	head := make([]byte, len(npyMagic)+2)
	if _, err := io.ReadFull(r, head); err != nil || string(head[:len(npyMagic)]) != npyMagic {
		return t, errors.New("it is no .npy file")
	}
	width := 4
	switch version := head[len(npyMagic)]; version {
	case 1:
		width = 2
	case 2, 3:
	default:
		return t, fmt.Errorf("it has version %d of the .npy format, and 1 to 3 are known", version)
	}
	size := make([]byte, 4)
	if _, err := io.ReadFull(r, size[:width]); err != nil {
		return t, errors.New("it ends inside of its header")
	}
	length := binary.LittleEndian.Uint32(size)
	if length > maxNpyHeader {
		return t, fmt.Errorf("its header has %d bytes, more than the limit of %d", length, maxNpyHeader)
	}
	header := make([]byte, length)
	if _, err := io.ReadFull(r, header); err != nil {
		return t, errors.New("it ends inside of its header")
	}
	if t, err = parseNpyHeader(header); err != nil {
		return t, err
	}
	elements, ok := tensor.Elements(t.Shape)
	if !ok || elements > maxTensor || elements*int64(t.Type.Size()) > maxTensor {
		return t, fmt.Errorf("its shape %s is more than the limit of %d bytes", showShape(t.Shape), maxTensor)
	}
	if t.Data, err = io.ReadAll(r); err != nil {
		return t, err
	}
	for i, b := range t.Data {
		if t.Type == tensor.Bool && b > 1 {
			t.Data[i] = 1
		}
	}
	return t, checkData(&t, elements)
}

func parseNpyHeader(header []byte) (t tensor.Tensor, err error) {
	parts := npyHeader.FindSubmatch(header)
	if parts == nil {
		return t, fmt.Errorf("its header %.80q is none that numpy writes for a plain array", header)
	}
	descr := string(parts[1])
	if t.Type = npyTypes[descr]; t.Type == tensor.Invalid {
		why := "the protocol has no such type"
		switch {
		case strings.HasPrefix(descr, ">"):
			why = "save it little endian, as with astype(\"<f4\")"
		case strings.HasPrefix(descr, "<U") || strings.HasPrefix(descr, "|S") || strings.HasPrefix(descr, "|O"):
			why = "strings can be given as golden rows only"
		}
		return t, fmt.Errorf("its type is %.20q: %s", descr, why)
	}
	if string(parts[2]) == "True" {
		return t, errors.New("it is in Fortran order: save it with numpy.ascontiguousarray")
	}
	t.Shape = []int64{}
	for part := range strings.SplitSeq(string(parts[3]), ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		n, err := strconv.ParseInt(part, 10, 64)
		if err != nil || len(t.Shape) == 32 {
			return t, fmt.Errorf("its shape (%.80s) is none", parts[3])
		}
		t.Shape = append(t.Shape, n)
	}
	return t, nil
}
