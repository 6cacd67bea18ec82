package native

import (
	"fmt"
	"strconv"
	"strings"
)

// maxName bounds the name of a view in stores.
const maxName = 128

// CheckName refuses the name of a view that cannot be a part of a key, a table's column or a file's name: it is of letters,
// digits, "_", "-" and ".", and does not begin with one of the last two.
func CheckName(view string) error {
	for i := range len(view) {
		c := view[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_':
		case i > 0 && (c == '-' || c == '.'):
		default:
			return fmt.Errorf("view %q: a name has letters, digits, \"_\", \"-\" and \".\", and begins with none of the last two", view)
		}
	}
	if view == "" || len(view) > maxName {
		return fmt.Errorf("view %q: a name has 1 to %d letters", view, maxName)
	}
	return nil
}

// PointerName is where a store keeps the Pointer of a view.
func PointerName(view string) string { return view + ":generation" }

// SchemaName is where a store keeps the record of a schema.
func SchemaName(view string, schema uint32) string {
	return fmt.Sprintf("%s:schema:%08x", view, schema)
}

// AppendRowPrefix appends what stands before the key of an entity, in a store with one space of names for all.
func AppendRowPrefix(dst []byte, view string, generation uint64) []byte {
	dst = append(append(dst, view...), ':')
	return append(strconv.AppendUint(dst, generation, 10), ':')
}

// Pointer says which generations a view has: readers read the visible one. Its text is kept in one place of a store, which
// is replaced at once, so that a reader sees the one or the other. A generation's number is never used again.
type Pointer struct {
	// Visible is what is read, 0 before the first load; Previous what was before, the way back; Loading what is
	// being written.
	Visible, Previous, Loading uint64
	// Flipped is when Visible became that, in seconds since 1970.
	Flipped int64
}

const pointerForm = "visible=%d previous=%d loading=%d flipped=%d"

// String is the text that stores keep.
func (p Pointer) String() string {
	return fmt.Sprintf(pointerForm, p.Visible, p.Previous, p.Loading, p.Flipped)
}

// ParsePointer reads that text.
func ParsePointer(text string) (p Pointer, err error) {
	text = strings.TrimSpace(text)
	_, err = fmt.Sscanf(text, pointerForm, &p.Visible, &p.Previous, &p.Loading, &p.Flipped)
	if err != nil || p.String() != text {
		return Pointer{}, fmt.Errorf("the pointer to a generation is %q: it must be like %q", text[:min(len(text), 100)], Pointer{}.String())
	}
	return p, nil
}

// Newest is the latest generation that has been begun.
func (p Pointer) Newest() uint64 { return max(p.Visible, p.Previous, p.Loading) }

// Oldest is the earliest generation that is kept; 0 before the first load has begun.
func (p Pointer) Oldest() uint64 {
	oldest := p.Newest()
	for _, kept := range [...]uint64{p.Visible, p.Previous} {
		if kept != 0 {
			oldest = min(oldest, kept)
		}
	}
	return oldest
}

// Begun is the pointer while a load goes on: of a new generation, or of the one that an earlier load left unfinished.
func (p Pointer) Begun() Pointer {
	if p.Loading == 0 {
		p.Loading = max(p.Visible, p.Previous) + 1
	}
	return p
}

// Flip is the pointer once the generation that is being loaded has become visible.
func (p Pointer) Flip(seconds int64) Pointer {
	return Pointer{Visible: p.Loading, Previous: p.Visible, Flipped: seconds}
}

// Back is the pointer with the previous generation visible again, which a second call undoes; ok is false if there is none.
func (p Pointer) Back(seconds int64) (back Pointer, ok bool) {
	return Pointer{Visible: p.Previous, Previous: p.Visible, Loading: p.Loading, Flipped: seconds}, p.Previous != 0
}

// KeepSeconds is for how long after a flip no generation is deleted: readers of the one before may not be done yet.
const KeepSeconds = 10

// Dead tells whether a generation may be deleted.
func (p Pointer) Dead(generation uint64, seconds int64) bool {
	return generation != p.Visible && generation != p.Previous && generation != p.Loading && seconds-p.Flipped >= KeepSeconds
}
