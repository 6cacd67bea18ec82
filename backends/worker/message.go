package worker

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"sluice/internal/fault"
	"sluice/internal/task"
)

// kind is what a message asks for; its answer has the same.
type kind uint8

const (
	hello     kind = iota + 1 // rows is the number of streams, which come as descriptors; session the protocol
	openModel                 // descriptors: an opening as JSON, then a slab for each lane
	runBatch                  // tensors: the inputs that are not fixed; in answers the outputs not in place
	runBlank                  // a batch of rows without data
	closeModel
	kinds // keep last
)

// protocol changes with anything that both sides must agree on.
const protocol = 1

// Bounds of what a message may hold.
const (
	maxTensors = 128
	maxOutputs = 64
	maxRank    = 64
	maxText    = 4 << 10
	headBytes  = 40
	maxMessage = headBytes + maxTensors*(24+8*maxRank) + maxText
)

// Bits of the flags.
const (
	isAnswer = 1 << iota
	isFailure
	ofDevice
	isSticky
	allFlags = 1<<iota - 1
)

// message is one packet, in either direction. All numbers are little-endian:
//
//	0 kind  1 flags  2 kind of fault  3 zero  4 sequence  8 session  12 lane  16 rows
//	20 tensors  24 wanted (64 bits)  32 bytes of text  36 zero  40 tensors, then text
//
// and each tensor is its index, its rank (32 bits each), its offset in the slab, its size,
// and its dimensions (64 bits each). A message is reused: decode keeps its memory.
type message struct {
	kind    kind
	flags   uint8
	fault   fault.Kind
	seq     uint32
	session uint32
	lane    uint32
	rows    uint32
	wanted  uint64
	tensors []region
	text    []byte

	dims []int64 // backing of the tensors' dims
}

// region is a tensor in a slab.
type region struct {
	index        int
	offset, size int
	dims         []int64
}

// reset makes m a message of a kind without content.
func (m *message) reset(k kind) {
	*m = message{kind: k, seq: m.seq, tensors: m.tensors[:0], text: m.text[:0], dims: m.dims[:0]}
}

// append encodes the message.
func (m *message) append(b []byte) []byte {
	le := binary.LittleEndian
	b = append(b, byte(m.kind), m.flags, byte(m.fault), 0)
	b = le.AppendUint32(b, m.seq)
	b = le.AppendUint32(b, m.session)
	b = le.AppendUint32(b, m.lane)
	b = le.AppendUint32(b, m.rows)
	b = le.AppendUint32(b, uint32(len(m.tensors)))
	b = le.AppendUint64(b, m.wanted)
	b = le.AppendUint32(b, uint32(len(m.text)))
	b = le.AppendUint32(b, 0)
	for i := range m.tensors {
		t := &m.tensors[i]
		b = le.AppendUint32(b, uint32(t.index))
		b = le.AppendUint32(b, uint32(len(t.dims)))
		b = le.AppendUint64(b, uint64(t.offset))
		b = le.AppendUint64(b, uint64(t.size))
		for _, d := range t.dims {
			b = le.AppendUint64(b, uint64(d))
		}
	}
	return append(b, m.text...)
}

// decode reads a message, whose tensors and text are copies. It bounds every number that an
// index or a length is made of; what they mean is for the caller to check.
func (m *message) decode(b []byte) error {
	le := binary.LittleEndian
	if len(b) < headBytes {
		return fmt.Errorf("a message of %d bytes", len(b))
	}
	m.reset(kind(b[0]))
	m.flags, m.fault, m.seq = b[1], fault.Kind(b[2]), le.Uint32(b[4:])
	m.session, m.lane, m.rows, m.wanted = le.Uint32(b[8:]), le.Uint32(b[12:]), le.Uint32(b[16:]), le.Uint64(b[24:])
	tensors, text := le.Uint32(b[20:]), le.Uint32(b[32:])
	if m.kind == 0 || m.kind >= kinds || m.flags > allFlags || b[3] != 0 || le.Uint32(b[36:]) != 0 {
		return fmt.Errorf("a message of kind %d with flags %#x", m.kind, m.flags)
	}
	if tensors > maxTensors || text > maxText {
		return fmt.Errorf("a message with %d tensors and %d bytes of text", tensors, text)
	}
	b = b[headBytes:]
	for range tensors {
		rest, err := m.decodeTensor(b)
		if err != nil {
			return err
		}
		b = rest
	}
	if len(b) != int(text) {
		return fmt.Errorf("a message with %d bytes of text that announces %d", len(b), text)
	}
	m.text = append(m.text, b...)
	return nil
}

var errShort = errors.New("a message that ends within a tensor")

func (m *message) decodeTensor(b []byte) (rest []byte, err error) {
	le := binary.LittleEndian
	if len(b) < 24 {
		return nil, errShort
	}
	index, rank := le.Uint32(b), le.Uint32(b[4:])
	offset, size := le.Uint64(b[8:]), le.Uint64(b[16:])
	b = b[24:]
	switch {
	case index >= maxTensors || rank > maxRank || offset > math.MaxInt64/2 || size > math.MaxInt64/2:
		return nil, fmt.Errorf("a message with tensor %d of rank %d, %d bytes at %d", index, rank, size, offset)
	case len(b) < 8*int(rank):
		return nil, errShort
	}
	start := len(m.dims)
	for range rank {
		m.dims = append(m.dims, int64(le.Uint64(b)))
		b = b[8:]
	}
	// If dims moves while it grows, older slices keep the old memory, which nobody writes.
	m.tensors = append(m.tensors, region{int(index), int(offset), int(size), m.dims[start:len(m.dims):len(m.dims)]})
	return b, nil
}

// fail makes the message an answer that tells an error.
func (m *message) fail(err error) {
	m.tensors = m.tensors[:0]
	m.flags |= isAnswer | isFailure
	if failed, sticky := task.DeviceFailed(err); failed {
		m.flags |= ofDevice
		if sticky {
			m.flags |= isSticky
		}
	}
	m.fault = fault.Of(err).Kind
	text := err.Error()
	m.text = append(m.text[:0], text[:min(len(text), maxText)]...)
}

// failure is the error that an answer tells. Only its cause is the child's own text, which
// goes to the log.
func (m *message) failure() error {
	if m.flags&isFailure == 0 {
		return nil
	}
	cause := errors.New(string(m.text))
	switch {
	case m.flags&ofDevice != 0:
		return deviceError(m.flags&isSticky != 0, cause)
	case m.fault == fault.ModelRejectedInput:
		return fault.Wrap(m.fault, cause, "the model rejected the values of an input, such as an index that is out of range")
	}
	return fault.Wrap(fault.InferenceFailed, cause, "the model failed to run")
}
