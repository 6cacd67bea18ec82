package predlog

import (
	"encoding/binary"
	"math"

	"sluice/internal/tensor"
	"sluice/predlog/table"
)

// The payloads of frames. A record's fields follow in the order of appendRecord: numbers as varints, strings and
// bytes with their length in front. decode.go reads them. A record with other fields begins with another byte, so that
// the spool that an older program has left behind is read as well.
const (
	recordFrame  = 'T'
	olderFrame   = 'S' // a record without features
	oldestFrame  = 'R' // and without role and unit
	numbersFrame = 'N'
)

// sizeAround bounds what a record takes beside its tensors and strings.
const sizeAround = 256

// sizeBound is at least what a record takes, with its tensors or without.
func (r *Record) sizeBound(tensors bool) int {
	n := sizeAround + min(len(r.ID), MaxID) + len(r.Model) + len(r.Version) + len(r.Digest) + len(r.Device) + len(r.Reason) + len(r.Status)
	if !tensors {
		return n
	}
	for _, list := range [...][]tensor.Tensor{r.Inputs, r.Optional, r.Outputs} {
		for i := range list {
			t := &list[i]
			n += 32 + len(t.Name) + 10*(len(t.Shape)+1) + len(t.Data)
		}
	}
	return n + r.trailBound()
}

// flags of a record.
const (
	lateFlag = 1 << iota
	replayableFlag
	unitFlag
)

// appendRecord appends a record's payload. at is its time, nanoseconds since 1970.
func (w *Writer) appendRecord(b []byte, r *Record, c *choice, at int64) []byte {
	kept := c.tensors == table.TensorsKept
	redacted := kept && w.redact.touches(r)
	b = append(b, recordFrame)
	b = appendBytes(b, r.ID[:min(len(r.ID), MaxID)])
	b = binary.AppendVarint(b, at)
	for _, s := range [...]string{r.Model, r.Version, r.Digest, r.Device, r.Reason, r.Status, c.keptFor, c.tensors, r.Role} {
		b = appendString(b, s)
	}
	flags := uint64(0)
	if r.Late {
		flags |= lateFlag
	}
	if kept && r.Inputs != nil && !redacted {
		flags |= replayableFlag
	}
	if r.Unit.Known {
		flags |= unitFlag
	}
	b = binary.AppendUvarint(b, flags)
	b = binary.AppendUvarint(b, uint64(r.Unit.Share)) //nolint:gosec // a number of buckets
	b = binary.LittleEndian.AppendUint64(b, r.Unit.Hash)
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(c.weight))
	for _, n := range [...]int64{
		int64(r.Batch), int64(r.Rows), int64(r.Budget), int64(r.Decode), int64(r.Queue), int64(r.Input), int64(r.Run), int64(r.Output), int64(r.Encode), int64(r.Total),
	} {
		b = binary.AppendVarint(b, n)
	}
	if !kept {
		return append(b, 0, 0, 0) // no inputs, no outputs, no rows of a trail
	}
	b = binary.AppendUvarint(b, uint64(present(r.Inputs)+present(r.Optional)-w.redact.dropped(r)))
	b = w.appendTensors(b, r, r.Inputs, r.Schema.Inputs, true)
	b = w.appendTensors(b, r, r.Optional, r.Schema.Optional, true)
	b = binary.AppendUvarint(b, uint64(present(r.Outputs)))
	b = w.appendTensors(b, r, r.Outputs, r.Schema.Outputs, false)
	return w.appendTrail(b, r)
}

// present counts the tensors that are there.
func present(list []tensor.Tensor) (n int) {
	for i := range list {
		if list[i].Type != tensor.Invalid {
			n++
		}
	}
	return n
}

// appendTensors appends those that are there, with the shapes that they have on the wire.
func (w *Writer) appendTensors(b []byte, r *Record, list []tensor.Tensor, specs []tensor.Spec, inputs bool) []byte {
	for i := range list {
		t, spec := &list[i], &specs[i]
		if t.Type == tensor.Invalid {
			continue
		}
		if inputs {
			switch w.redact.of(r, spec.Name) {
			case Drop:
				continue
			case Hash:
				b = w.redact.appendHashed(b, r, spec, t)
				continue
			}
		}
		b = appendString(b, spec.Name)
		b = appendString(b, t.Type.String())
		b = appendShape(b, spec, t.Shape)
		b = appendBytes(b, t.Data)
	}
	return b
}

// wireRank is the rank up to which a shape is exchanged without allocating.
const wireRank = 16

func appendShape(b []byte, spec *tensor.Spec, shape []int64) []byte {
	var room [wireRank]int64
	if spec.Wire != nil {
		if on, ok := spec.Wire.AppendShape(room[:0], shape); ok {
			shape = on
		}
	}
	b = binary.AppendUvarint(b, uint64(len(shape)))
	for _, d := range shape {
		b = binary.AppendVarint(b, d)
	}
	return b
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendBytes(b, data []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(data))), data...)
}
