package wire

import (
	"strconv"

	"sluice/internal/fault"
	"sluice/internal/tensor"
)

// lists follows the lists of a tensor's JSON data from left to right and holds them against its
// shape. Data may be flat, or nested in any way that holds the right number of values. But data
// that is nested as deep as the shape has dimensions means the shape: a list of another length
// says that the sender has another one in mind.
//
// The depth of data is that of its deepest list, which is 1 for a flat one; an empty list counts
// like any other. A value beside lists is one of their parent's members, and changes no depth: it
// stands for a list of one.
type lists struct {
	shape   []int64
	entry   int            // of the tensor among its peers, for errors
	deepest int            // depth so far
	members [MaxRank]int64 // so far, of the open list at each depth; of those above, the lists that have ended
	odd     int            // depth of the first list that is not as long as the shape says; 0 if there is none
	length  int64          // of that list
	at      [MaxRank]int64 // where it is
}

// begin is called in front of the data's own list.
func (l *lists) begin(shape []int64) {
	if len(shape) > MaxRank {
		shape = nil
	}
	l.shape, l.deepest, l.odd = shape, 0, 0
}

// open enters a list at a depth.
func (l *lists) open(depth int) {
	l.deepest = max(l.deepest, depth)
	if depth <= len(l.shape) {
		l.members[depth-1] = 0
	}
}

// add counts values of the open list at a depth.
func (l *lists) add(depth int, n int64) {
	if depth > 0 && depth <= len(l.shape) {
		l.members[depth-1] += n
	}
}

// close leaves the list at a depth.
func (l *lists) close(depth int) {
	if depth <= len(l.shape) && l.odd == 0 && l.members[depth-1] != l.shape[depth-1] {
		l.odd, l.length = depth, l.members[depth-1]
		copy(l.at[:], l.members[:depth-1])
	}
	l.add(depth-1, 1)
}

// contradict reports whether the nesting means another shape.
func (l *lists) contradict() bool { return l.odd > 0 && l.deepest == len(l.shape) }

// closeLists reads closing brackets and the comma before the next element; done when
// the nesting is back at base.
func (s *Scanner) closeLists(base int) (done bool, err error) {
	for s.Depth > base {
		ok, err := s.More(false, ']')
		if ok || err != nil {
			return false, err
		}
		s.lists.close(s.Depth - base + 1)
	}
	return true, nil
}

// lengthFault is the fault of data that holds another number of values than its tensor takes.
func (s *Scanner) lengthFault(into *tensor.Tensor, got, want int64) error {
	l, text := &s.lists, "Failed to parse 'data' field: shape does not match true shape"
	if got > want {
		text = "Unable to parse 'data': Shape does not match true shape of 'data' field"
	}
	where := ""
	if l.contradict() && len(l.shape) > 1 {
		where = ", and " + s.oddList() + " where it has " + strconv.FormatInt(l.shape[l.odd-1], 10)
	}
	return fault.Newf(fault.DataLengthMismatch, "%s: %s '%s' takes %d values, got %d; its shape is %s%s", text, s.Noun(), into.Name, want, got, tensor.ShapeText(into.Shape), where)
}

// nestingFault is the fault of data that has the right number of values in lists of wrong lengths;
// nil if the lists are right.
func (s *Scanner) nestingFault(into *tensor.Tensor) error {
	l := &s.lists
	if !l.contradict() {
		return nil
	}
	return fault.Newf(fault.DataLengthMismatch, "Unable to parse 'data': Shape does not match true shape of 'data' field: %s; shape %s of %s '%s' wants %d there",
		s.oddList(), tensor.ShapeText(into.Shape), s.Noun(), into.Name, l.shape[l.odd-1])
}

// oddList says which list has the wrong length, and what length that is.
func (s *Scanner) oddList() string {
	l, one, what := &s.lists, "entry", "entries"
	if l.odd == len(l.shape) {
		one, what = "value", "values"
	}
	if l.length == 1 {
		what = one
	}
	return string(AppendIndexes(s.dataPath(), l.at[:l.odd-1])) + " has " + strconv.FormatInt(l.length, 10) + " " + what
}

// dataPath is where the data is in its document.
func (s *Scanner) dataPath() []byte {
	if s.source == File {
		return []byte("data")
	}
	return append(AppendIndexes([]byte(s.list()), []int64{int64(s.lists.entry)}), ".data"...)
}

// AppendIndexes appends the place of a value in lists of lists.
func AppendIndexes(dst []byte, at []int64) []byte {
	for _, i := range at {
		dst = append(strconv.AppendInt(append(dst, '['), i, 10), ']')
	}
	return dst
}

// valueFault adds to the fault of a value where the value is: in the open list at a depth, with
// before values of the tensor in front of it.
func (s *Scanner) valueFault(err error, depth int, before int64) error {
	path := s.dataPath()
	if depth <= len(s.lists.shape) {
		return Placed(err, string(AppendIndexes(path, s.lists.members[:depth])))
	}
	return Placed(err, "value "+strconv.FormatInt(before, 10)+" of "+string(path))
}

// Placed adds a place to a fault that is about one value.
func Placed(err error, place string) error {
	f := fault.Of(err)
	if f.Kind != fault.InvalidValue && f.Kind != fault.ValueOutOfRange {
		return err
	}
	return fault.New(f.Kind, f.Text+", at "+place)
}
