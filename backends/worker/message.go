package worker

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"sluice/internal/fault"
)

// kind is what a message asks for; its answer has the same.
type kind uint8

const (
	hello     kind = iota + 1 // rows is the number of streams, which come as descriptors; session the protocol
	openModel                 // descriptors: an opening as JSON, then a slab for each lane
	runBatch                  // tensors: the inputs that are not fixed, optional ones after them; in answers the outputs not in place
	runBlank                  // a batch of rows without data
	closeModel
	kinds // keep last
)

// protocol changes with anything that both sides must agree on.
const protocol = 2

// Bounds of what a message may hold.
const (
	maxInputs  = 4096 // of a model, optional ones among them
	maxTensors = maxInputs
	maxOutputs = 64
	maxRank    = 64
	maxText    = 4 << 10
	maxTold    = 512 // of the text, for the client
	headBytes  = 40
	// maxRegions is what all tensors of a message take: a socket takes no larger one by default.
	maxRegions = 180 << 10
	maxMessage = headBytes + maxRegions + maxText
)

// regionBytes is what a tensor of a rank takes in a message.
func regionBytes(rank int) int { return 24 + 8*rank }

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
//	0 kind  1 flags  2 kind of fault  3 code of ONNX Runtime  4 sequence  8 session  12 lane
//	16 rows  20 tensors  24 wanted (64 bits)  32 bytes of text  36 how many of them are the
//	client's  40 tensors, then text
//
// The code is two more than complaint's, and 0 where the fault is no complaint. Each tensor is its
// index, its rank (32 bits each), its offset in the slab, its size, and its dimensions (64 bits
// each). A message is reused: decode keeps its memory.
type message struct {
	kind    kind
	flags   uint8
	fault   fault.Kind
	code    uint8
	seq     uint32
	session uint32
	lane    uint32
	rows    uint32
	wanted  uint64
	tensors []region
	text    []byte
	told    int // how many bytes of the text are for the client; the others are for the log

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
	b = append(b, byte(m.kind), m.flags, byte(m.fault), m.code)
	b = le.AppendUint32(b, m.seq)
	b = le.AppendUint32(b, m.session)
	b = le.AppendUint32(b, m.lane)
	b = le.AppendUint32(b, m.rows)
	b = le.AppendUint32(b, uint32(len(m.tensors)))
	b = le.AppendUint64(b, m.wanted)
	b = le.AppendUint32(b, uint32(len(m.text)))
	b = le.AppendUint32(b, uint32(m.told))
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
	m.flags, m.fault, m.code, m.seq = b[1], fault.Kind(b[2]), b[3], le.Uint32(b[4:])
	m.session, m.lane, m.rows, m.wanted = le.Uint32(b[8:]), le.Uint32(b[12:]), le.Uint32(b[16:]), le.Uint64(b[24:])
	tensors, text, told := le.Uint32(b[20:]), le.Uint32(b[32:]), le.Uint32(b[36:])
	if m.kind == 0 || m.kind >= kinds || m.flags > allFlags {
		return fmt.Errorf("a message of kind %d with flags %#x", m.kind, m.flags)
	}
	if tensors > maxTensors || text > maxText || told > maxTold || told > text {
		return fmt.Errorf("a message with %d tensors and %d bytes of text, %d of them for the client", tensors, text, told)
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
	m.text, m.told = append(m.text, b...), int(told)
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
