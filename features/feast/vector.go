package feast

import (
	"bytes"
	"strings"
	"sync/atomic"

	"google.golang.org/protobuf/encoding/protowire"

	"sluice/features/store"
)

// VectorView is the view under which Feast stores the precomputed vectors of a feature service, as the feature VectorFeature.
func VectorView(service string) string { return "__precomputed__" + service }

// VectorFeature is the name of that feature.
const VectorFeature = "vector"

// The fields of Feast's message of a precomputed vector.
const (
	vectorNames  protowire.Number = 1
	vectorValues protowire.Number = 2
	vectorTimes  protowire.Number = 3
)

// Vector decodes precomputed vectors into the rows of a group, whose columns are named as the values in the vector:
// "view__feature". Many goroutines may use it at a time.
type Vector struct {
	group *store.Group
	// layout is that of the last vector. All vectors of a service have the same names, so nearly all have it.
	layout atomic.Pointer[vectorLayout]
}

// vectorLayout is where the values of a vector go that begins with certain names.
type vectorLayout struct {
	names   []byte // the fields of names, as they stand in the message
	columns []int  // by position; -1: not wanted
}

// NewVector makes it.
func NewVector(g *store.Group) *Vector {
	v := &Vector{group: g}
	v.layout.Store(&vectorLayout{})
	return v
}

// Put decodes a stored value that holds a vector into a row. The row's time is the oldest of those of the views that the group
// has columns of. A value that holds no whole vector makes every column Wrong; no bytes leave them missing.
func (v *Vector) Put(into *store.Rows, key int, value []byte) {
	field, wire, message, ok := last(value)
	switch {
	case ok && (field == nothing || field == nullValue):
		return
	case ok && field == bytesValue && wire == protowire.BytesType && v.put(into, key, message):
		return
	}
	into.SetRowWrong(key)
}

func (v *Vector) put(into *store.Rows, key int, message []byte) bool {
	names, ok := namesOf(message)
	if !ok {
		return false
	}
	layout := v.layout.Load()
	if !bytes.Equal(names, layout.names) {
		layout = v.learn(names)
		v.layout.Store(layout)
	}
	position, oldest := 0, int64(0)
	for message = message[len(names):]; len(message) > 0; {
		number, wire, n := protowire.ConsumeTag(message)
		if n < 0 {
			return false
		}
		message = message[n:]
		if n = protowire.ConsumeFieldValue(number, wire, message); n < 0 {
			return false
		}
		if wire == protowire.BytesType {
			content, _ := protowire.ConsumeBytes(message)
			switch number {
			case vectorNames:
				return false // a name behind the values: no writer does so, and it would shift none of them
			case vectorValues:
				if position >= len(layout.columns) {
					return false
				}
				if column := layout.columns[position]; column >= 0 {
					Put(into, key, column, content)
				}
				position++
			case vectorTimes:
				if ns, wanted := v.timeOf(content); wanted && ns != 0 && (oldest == 0 || ns < oldest) {
					oldest = ns
				}
			}
		}
		message = message[n:]
	}
	into.SetTime(key, oldest)
	return position == len(layout.columns)
}

// namesOf is the names with which the message of a vector begins.
func namesOf(message []byte) (names []byte, ok bool) {
	at := 0
	for at < len(message) {
		number, wire, n := protowire.ConsumeTag(message[at:])
		if n < 0 {
			return nil, false
		}
		if number != vectorNames || wire != protowire.BytesType {
			break
		}
		size := protowire.ConsumeFieldValue(number, wire, message[at+n:])
		if size < 0 {
			return nil, false
		}
		at += n + size
	}
	return message[:at], true
}

// learn works out where the values behind names go. The names are whole: namesOf has seen them.
func (v *Vector) learn(names []byte) *vectorLayout {
	layout := &vectorLayout{names: bytes.Clone(names)}
	for len(names) > 0 {
		_, _, n := protowire.ConsumeTag(names)
		name, size := protowire.ConsumeBytes(names[n:])
		layout.columns = append(layout.columns, v.group.Column(string(name)))
		names = names[n+size:]
	}
	return layout
}

// timeOf reads the time of a view, and tells whether the group has a column of it.
func (v *Vector) timeOf(message []byte) (ns int64, wanted bool) {
	for len(message) > 0 {
		number, wire, n := protowire.ConsumeTag(message)
		if n < 0 {
			return 0, false
		}
		message = message[n:]
		if n = protowire.ConsumeFieldValue(number, wire, message); n < 0 {
			return 0, false
		}
		if wire == protowire.BytesType {
			content, _ := protowire.ConsumeBytes(message)
			switch number {
			case 1:
				wanted = v.has(content)
			case 2:
				ns = Time(content)
			}
		}
		message = message[n:]
	}
	return ns, wanted
}

// separator stands between view and feature in a vector's names.
const separator = "__"

func (v *Vector) has(view []byte) bool {
	for i := range v.group.Columns {
		name := v.group.Columns[i].Name
		if len(name) > len(view) && name[:len(view)] == string(view) && strings.HasPrefix(name[len(view):], separator) {
			return true
		}
	}
	return false
}
