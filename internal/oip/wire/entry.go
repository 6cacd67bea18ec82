package wire

import "sluice/internal/jsonscan"

// Entry is a tensor of a list, "inputs" or "outputs", while it is read. Its keys may come in any order:
// data that comes before what says how to read it is only checked, and read once the entry is
// complete.
type Entry struct {
	jsonscan.Object
	// Binary is the size of its binary data as the document says it, if HasBinary.
	Binary    uint64
	HasBinary bool
	// Filled is set when its data was read as it came.
	Filled bool

	from, depth int // of data that is unread
}

// Keys of an entry, as bits.
const (
	KeyName uint8 = 1 << iota
	KeyDatatype
	KeyShape
	KeyData
	KeyParameters
)

var entryKeys = jsonscan.Names{"name", "datatype", "shape", "data", "parameters"}

// SizeKeys know the parameter of an entry that says how long its binary data is.
var SizeKeys = jsonscan.Names{"binary_data_size"}

// Entry begins to read the entry whose bracket is next; its index in the list is for errors.
func (s *Scanner) Entry(index int) Entry {
	s.lists.entry = index
	return Entry{Object: s.Object(entryKeys)}
}

// Size reads how many bytes of binary data the entry has.
func (e *Entry) Size(s *Scanner) (err error) {
	e.HasBinary = true
	e.Binary, err = s.count("binary_data_size", s.lists.entry)
	return err
}

// Data reads the entry's data if the keys are there that say how, and else remembers where it is.
func (e *Entry) Data(s *Scanner, needed uint8, read func() error) error {
	if e.Filled = e.Seen&needed == needed; e.Filled {
		return read()
	}
	e.from, e.depth = s.Pos, s.Depth
	return s.Skip()
}

// Late reads the data that Data has remembered.
func (e *Entry) Late(s *Scanner, read func() error) error {
	resume, depth := s.Pos, s.Depth
	s.Pos, s.Depth = e.from, e.depth
	err := read()
	s.Pos, s.Depth = resume, depth
	return err
}
