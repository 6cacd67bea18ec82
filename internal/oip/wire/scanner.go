package wire

import (
	"fmt"

	"sluice/internal/fault"
	"sluice/internal/jsonscan"
)

// Scanner reads a document, and the data of the tensors in it.
type Scanner struct {
	jsonscan.Scanner
	// Strings are those of a tensor on their way to memory of their size; their room is kept.
	Strings []byte

	source Source
	lists  lists // of the tensor being read
}

// Source is where a document comes from, for errors.
type Source uint8

// Where documents come from.
const (
	Request Source = iota
	Answer
	File
)

// Begin begins a document.
func (s *Scanner) Begin(from Source, data []byte, maxDepth int) {
	s.source = from
	d := jsonscan.Document{Name: [...]string{"request", "response", "file's"}[from], MaxDepth: maxDepth}
	if from == Request {
		d.DepthSetting = "limits.max_json_depth"
	}
	s.Start(data, d)
}

// Stop drops the document.
func (s *Scanner) Stop() {
	s.Scanner.Stop()
	s.Strings = Trim(s.Strings)
}

// maxKept bounds the scratch memory that an idle owner holds on to.
const maxKept = 1 << 20

// Trim empties scratch memory, and lets go of it if it is large.
func Trim(b []byte) []byte {
	if cap(b) > maxKept {
		return nil
	}
	return b[:0]
}

// Noun says in errors what the document's tensors are.
func (s *Scanner) Noun() string { return [...]string{"input", "output", "tensor"}[s.source] }

// list is the key of the list that the tensors are in.
func (s *Scanner) list() string { return s.Noun() + "s" }

// NoObject tells a request of the wrong kind from one that is not JSON.
func (s *Scanner) NoObject() error {
	if err := s.Skip(); err != nil {
		return err
	}
	if err := s.End(); err != nil {
		return err
	}
	return fault.New(fault.InvalidRequest, "the request must be a JSON object")
}

// Word reads the string of a key into dst; null, which means the same as leaving the key out, is nothing.
func (s *Scanner) Word(dst []byte, key string, kind fault.Kind) ([]byte, error) {
	switch s.Peek() {
	case 'n':
		return dst[:0], s.Expect("null")
	case '"':
		return s.AppendText(dst[:0])
	}
	return dst, s.Refuse(kind, "'%s' must be a string", key)
}

// Count reads a parameter that is an unsigned integer.
func (s *Scanner) Count(name string) (uint64, error) { return s.count(name, -1) }

// count is Count of a parameter of an entry of the list; -1 if it is of none.
func (s *Scanner) count(name string, entry int) (uint64, error) {
	s.Peek()
	n, end := jsonscan.ScanNumber(s.Data, s.Pos)
	if end >= 0 {
		if v, ok := n.Uint64(64, s.Data[s.Pos:end]); ok {
			s.Pos = end
			return v, nil
		}
	}
	from, of := s.Pos, ""
	if err := s.Skip(); err != nil {
		return 0, err
	}
	if entry >= 0 {
		of = fmt.Sprintf(" of %s[%d]", s.list(), entry)
	}
	return 0, fault.Newf(fault.InvalidParameter, "parameter '%s' must be an unsigned integer of at most 64 bits; that%s is %s", name, of, fault.Shown(s.Data[from:s.Pos]))
}

// Parameters says whether the 'parameters' object of the request, or of its owner, is next. It is
// not there if it is null, which means the same as leaving it out, or if err says why it
// cannot be read.
func (s *Scanner) Parameters(owner string) (there bool, err error) {
	switch s.Peek() {
	case 'n':
		return false, s.Expect("null")
	case '{':
		return true, nil
	}
	return false, s.Refuse(fault.InvalidParameter, "'parameters'%s must be an object", owner)
}

// MaxRank is the most dimensions of a shape; ONNX models use a handful.
const MaxRank = 32

// Shape appends the shape at the scanner, which belongs to the entry that is being read.
func (s *Scanner) Shape(dims []int64) ([]int64, error) {
	if s.Peek() != '[' {
		return dims, s.Refuse(fault.InvalidShape, "Unable to parse 'shape': entry %d of '%s' has no array there", s.lists.entry, s.list())
	}
	a := s.Array()
	for a.Next() {
		if len(dims) == MaxRank {
			return dims, fault.Newf(fault.WrongShape, "shape of entry %d of '%s' has more than %d dimensions", s.lists.entry, s.list(), MaxRank)
		}
		from := s.Pos
		n, end := jsonscan.ScanNumber(s.Data, from)
		if end < 0 || n.Flags&(jsonscan.Fractional|jsonscan.Negative) != 0 {
			if err := s.Skip(); err != nil {
				return dims, err
			}
			return dims, fault.Newf(fault.InvalidShape, "Unable to parse 'shape': dimension %s of entry %d of '%s' is not an unsigned integer", fault.Shown(s.Data[from:s.Pos]), s.lists.entry, s.list())
		}
		if n.Flags&jsonscan.Long != 0 || n.Mantissa > 1<<63-1 {
			return dims, fault.Newf(fault.ShapeTooLarge, "shape of entry %d of '%s' causes total element count to exceed maximum size of 9223372036854775807", s.lists.entry, s.list())
		}
		dims = append(dims, int64(n.Mantissa))
		s.Pos = end
	}
	return dims, a.Err
}
