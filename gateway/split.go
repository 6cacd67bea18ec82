package gateway

import (
	"bytes"
	"encoding/binary"
	"strconv"

	"sluice/internal/fault"
	"sluice/internal/oip/target"
	"sluice/internal/task"
	"sluice/internal/tensor"
	"sluice/internal/unit"
)

// A split divides the requests that name no version between the live version and a canary. What is divided are units,
// such as users (package unit, whose salt is the model's name): a unit is what the head names, else the value of the model's
// unit input. The canary has the units whose buckets are below its share.

// maxUnit is the longest unit that a head may name, in bytes.
const maxUnit = 256

// Exposure is how the version of an exchange was chosen.
type Exposure struct {
	// Named says that the request named the version itself, so that nothing was chosen.
	Named bool
	// Known says that the request has a unit, of which Hash is the hash.
	Known bool
	Hash  uint64
	// Share is how many of the buckets were a canary's then; 0 without a canary.
	Share int
	// Canary says that the canary was chosen.
	Canary bool
}

// Bucket is the unit's bucket; -1 without a unit.
func (e *Exposure) Bucket() int {
	if !e.Known {
		return -1
	}
	return unit.Bucket(e.Hash)
}

// AppendTag appends what follows a version's tag where there is a canary.
func (e *Exposure) AppendTag(b []byte) []byte {
	return unit.AppendExposure(append(b, ';'), e.Bucket(), e.Share)
}

// choose settles which version answers. It is the last step that looks at the head.
func (g *Gateway) choose(x *Exchange) Step {
	e, info := &x.Exposure, x.Model.Info()
	var f *fault.Error
	if e.Hash, e.Known, f = unitHash(info, x.Head.Unit, x.Task); f != nil {
		return x.fails(f)
	}
	if !e.Named {
		var canary Model
		if e.Share, canary = x.Model.Split(e.Bucket()); canary != nil {
			x.Model.Release()
			x.Model, e.Canary = canary, true
			if info := canary.Info(); !info.Client.Fills { // or its key is settled with what is filled
				target.Sort(info.Schema, x.Task)
			}
		}
	}
	x.settle() // the front end's buffers may be another request's while this one is pending
	return GoesOn
}

// unitHash is the hash of a request's unit, if it has one.
func unitHash(info *ModelInfo, head []byte, t *task.Task) (hash uint64, known bool, f *fault.Error) {
	switch {
	case len(head) > maxUnit:
		return 0, false, fault.Newf(fault.InvalidParameter, "Sluice-Unit has %d bytes; the limit is %d", len(head), maxUnit)
	case len(head) > 0:
		return unit.Hash(info.Name, head), true, nil
	case info.unit < 0:
		return 0, false, nil
	}
	in := &t.Inputs[info.unit]
	if len(in.Data) == 0 {
		return 0, false, nil
	}
	first, same := firstElement(in)
	if !same {
		return 0, false, fault.Newf(fault.InvalidInputs, "the rows of input '%s' differ; it names the unit by which versions are chosen, which must be one for all rows: send a request for each, or name one in the header Sluice-Unit", info.Unit)
	}
	var room [20]byte
	switch {
	case in.Type == tensor.Bytes && len(first) == 0:
		return 0, false, nil
	case in.Type == tensor.Bytes:
		return unit.Hash(info.Name, first), true, nil
	case in.Type.Unsigned():
		return unit.Hash(info.Name, strconv.AppendUint(room[:0], tensor.UintAt(in.Type, first), 10)), true, nil
	}
	return unit.Hash(info.Name, strconv.AppendInt(room[:0], tensor.IntAt(in.Type, first), 10)), true, nil
}

// firstElement is the bytes of a tensor's first element, and whether all others are the same.
func firstElement(in *tensor.Tensor) (first []byte, same bool) {
	data, size := in.Data, in.Type.Size()
	if in.Type == tensor.Bytes {
		size = 4 + int(binary.LittleEndian.Uint32(data))
	}
	element := data[:size]
	for rest := data[size:]; len(rest) > 0; rest = rest[size:] {
		if !bytes.HasPrefix(rest, element) {
			return nil, false
		}
	}
	if in.Type == tensor.Bytes {
		element = element[4:]
	}
	return element, true
}
