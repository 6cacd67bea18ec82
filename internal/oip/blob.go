package oip

import (
	"encoding/binary"
	"strconv"

	"sluice/internal/fault"
	"sluice/internal/oip/wire"
	"sluice/internal/tensor"
)

// ParseHeaderLength reads the Inference-Header-Content-Length of a request whose body
// has bodyLen bytes. Without the header (nil) it returns -1: the body is all JSON.
func ParseHeaderLength(value []byte, bodyLen int) (int, error) {
	if value == nil {
		return -1, nil
	}
	n, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil || n >= 0 && (value[0] < '0' || value[0] > '9') { // +5, -0
		return 0, fault.Newf(fault.BadBinaryHeader, "Unable to parse Inference-Header-Content-Length, got: %s", fault.Shown(value))
	}
	if n < 0 || n > int64(bodyLen) {
		return 0, fault.Newf(fault.BadBinaryHeader, "inference header size should be in range (0, %d), got: %d", bodyLen, n)
	}
	return int(n), nil
}

// takeBlob copies the next binary data of the body into the task's arena.
func (d *decoder) takeBlob(in *input) error {
	into := d.Slot(in.index)
	if left := uint64(len(d.blobs)); in.Binary > left {
		if !d.hasBlobs {
			return fault.Newf(fault.BadBinaryHeader, "input '%s' has binary data, but the request has no Inference-Header-Content-Length header", into.Name)
		}
		return fault.Newf(fault.BinarySizeMismatch, "unexpected size for input '%s', expecting %d additional bytes for model '%s': its 'binary_data_size' is %d, and the body has %d bytes left for it", into.Name, in.Binary-left, d.Model, in.Binary, left)
	}
	blob := d.blobs[:in.Binary]
	d.blobs = d.blobs[in.Binary:]
	return d.fillBlob(into, blob)
}

// fillBlob checks binary data against the tensor's shape and copies it.
func (d *decoder) fillBlob(into *tensor.Tensor, blob []byte) error {
	elements, _ := tensor.Elements(into.Shape)
	if size := int64(into.Type.Size()); size == 0 {
		if err := checkStrings(into.Name, blob, elements); err != nil {
			return err
		}
	} else if int64(len(blob)) != elements*size {
		return fault.Newf(fault.BinarySizeMismatch, "input byte size mismatch for input '%s' for model '%s'. Expected %d, got %d", into.Name, d.Model, elements*size, len(blob))
	}
	if err := d.Room(into, len(blob)); err != nil {
		return err
	}
	copy(into.Data, blob)
	if into.Type == tensor.Bool {
		wire.PlainBools(into.Data)
	}
	return nil
}

// checkStrings checks that binary data is exactly that many BYTES elements.
func checkStrings(name string, data []byte, elements int64) error {
	n := int64(0)
	for len(data) > 0 {
		if n == elements {
			return fault.Newf(fault.InvalidBytes, "unexpected number of string elements %d for inference input '%s', expecting %d", n+1, name, elements)
		}
		if len(data) < 4 {
			return fault.Newf(fault.InvalidBytes, "incomplete string length indicator for inference input '%s', expecting 4 bytes but only %d bytes available", name, len(data))
		}
		size := int64(binary.LittleEndian.Uint32(data))
		data = data[4:]
		if size > int64(len(data)) {
			return fault.Newf(fault.InvalidBytes, "incomplete string data for inference input '%s', expecting string of length %d but only %d bytes available", name, size, len(data))
		}
		data = data[size:]
		n++
	}
	if n != elements {
		return fault.Newf(fault.InvalidBytes, "expected %d string elements for inference input '%s', got %d", elements, name, n)
	}
	return nil
}
