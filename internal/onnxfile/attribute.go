package onnxfile

import (
	"encoding/binary"
	"math"
)

// Attribute is a named constant of a node. Its values are decoded when they are asked
// for: an ensemble of trees holds megabytes of them.
type Attribute struct {
	Name string
	// Ref names the attribute of the calling node whose value this is; functions alone
	// have it.
	Ref string
	// Graph is the body of a branch or loop.
	Graph *Graph

	message []byte
}

func (r *programReader) attribute(message []byte, depth int) (Attribute, error) {
	a := Attribute{message: message}
	err := walk(message, func(f field) (err error) {
		switch f.id {
		case 1:
			a.Name = string(f.data)
		case 6:
			a.Graph, err = r.graph(f.data, depth+1)
		case 21:
			a.Ref = string(f.data)
		}
		return err
	})
	if odd := oddAttribute(message, a.Ref != ""); odd != "" {
		r.odd("%s: %q", odd, clip(a.Name))
	}
	return a, err
}

// Size is how many bytes the attribute takes in the file.
func (a Attribute) Size() int { return len(a.message) }

// Int is the attribute's integer, 0 if it has none.
func (a Attribute) Int() (n int64) {
	a.each(3, func(f field) bool { n = int64(f.number); return true })
	return n
}

// Float is the attribute's number, 0 if it has none.
func (a Attribute) Float() (n float64) {
	a.each(2, func(f field) bool { n = float64(math.Float32frombits(uint32(f.number))); return true })
	return n
}

// Text is the attribute's string, "" if it has none.
func (a Attribute) Text() (s string) {
	a.each(4, func(f field) bool { s = string(f.data); return true })
	return s
}

// Tensor is the attribute's tensor.
func (a Attribute) Tensor() (t Tensor, ok bool) {
	a.each(5, func(f field) bool {
		var err error
		t, err = readTensor(f.data)
		ok = err == nil
		return true
	})
	return t, ok
}

// Ints are the attribute's integers; not ok if there are more than limit.
func (a Attribute) Ints(limit int) (list []int64, ok bool) {
	ok = true
	a.each(8, func(f field) bool {
		var err error
		if list, err = f.appendInts(list, limit); err != nil {
			ok = false
		}
		return ok
	})
	return list, ok
}

// Floats are the attribute's numbers; not ok if there are more than limit.
func (a Attribute) Floats(limit int) (list []float64, ok bool) {
	ok = true
	a.each(7, func(f field) bool {
		data := f.data
		if f.wire == wireFixed4 {
			data = binary.LittleEndian.AppendUint32(nil, uint32(f.number))
		}
		for ; len(data) >= 4 && ok; data = data[4:] {
			ok = len(list) < limit
			list = append(list, float64(math.Float32frombits(binary.LittleEndian.Uint32(data))))
		}
		return ok
	})
	return list, ok
}

// EachText visits the attribute's strings until visit returns false.
func (a Attribute) EachText(visit func([]byte) bool) {
	a.each(9, func(f field) bool { return visit(f.data) })
}

// Count is how many integers, numbers or strings the attribute lists.
func (a Attribute) Count() (n int) {
	_ = walk(a.message, func(f field) error {
		switch {
		case f.id == 9, f.id == 7 && f.wire == wireFixed4, f.id == 8 && f.wire == wireVarint:
			n++
		case f.id == 7:
			n += len(f.data) / 4
		case f.id == 8:
			for _, b := range f.data {
				if b < 0x80 {
					n++
				}
			}
		}
		return nil
	})
	return n
}

// each visits the fields of one number. The message was walked once when it was read, so
// it has no error.
func (a Attribute) each(id int, visit func(field) bool) {
	for rest := a.message; len(rest) > 0; {
		f, after, err := next(rest)
		if err != nil || f.id == id && !visit(f) {
			return
		}
		rest = after
	}
}

// appendInts adds the field's integers, packed or not, up to limit of them.
func (f field) appendInts(list []int64, limit int) ([]int64, error) {
	if f.wire == wireVarint {
		if len(list) >= limit {
			return list, errTooMany
		}
		return append(list, int64(f.number)), nil
	}
	for rest := f.data; len(rest) > 0; {
		n, size := binary.Uvarint(rest)
		if size <= 0 {
			return list, errTruncated
		}
		if len(list) >= limit {
			return list, errTooMany
		}
		list = append(list, int64(n))
		rest = rest[size:]
	}
	return list, nil
}
