package predlog

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"sync"

	"sluice/internal/tensor"
	"sluice/predlog/table"
)

// Redaction is what becomes of an input before it is written.
type Redaction uint8

// The redactions. An input that is dropped leaves no trace; of one that is hashed each row is replaced by the
// HMAC-SHA256, under Options.HashKey, of its name, a zero byte and its bytes: equal values stay equal, whatever
// model they were sent to, and nobody without the key can try values.
const (
	AsItCame Redaction = iota
	Drop
	Hash
)

// redactor knows the inputs that are not written as they came. The zero redactor knows none.
type redactor struct {
	inputs map[string]Redaction
	hashes sync.Pool // of *keyed
}

// keyed is a keyed hash with room for what it appends.
type keyed struct {
	hash.Hash
	sum  [sha256.Size]byte
	name []byte
}

func newRedactor(inputs map[string]Redaction, key []byte) *redactor {
	r := &redactor{inputs: inputs}
	r.hashes.New = func() any { return &keyed{Hash: hmac.New(sha256.New, key)} }
	return r
}

// of is what becomes of an input. One that is filled has the values of others: it is redacted as the strictest of them is.
func (d *redactor) of(r *Record, input string) Redaction {
	if len(d.inputs) == 0 {
		return AsItCame
	}
	how := d.inputs[input]
	for i := range r.Columns {
		c := &r.Columns[i]
		if c.Input == input && (how == AsItCame || d.inputs[c.Name] == Drop) {
			how = d.inputs[c.Name]
		}
	}
	return how
}

// touches reports whether an input of the record is redacted.
func (d *redactor) touches(r *Record) bool { return d.count(r, Drop)+d.count(r, Hash) > 0 }

// dropped counts the inputs that are left out.
func (d *redactor) dropped(r *Record) int { return d.count(r, Drop) }

func (d *redactor) count(r *Record, how Redaction) (n int) {
	if len(d.inputs) == 0 {
		return 0
	}
	for i := range r.Inputs {
		if r.Inputs[i].Type != tensor.Invalid && d.of(r, r.Schema.Inputs[i].Name) == how {
			n++
		}
	}
	for i := range r.Optional {
		if r.Optional[i].Type != tensor.Invalid && d.of(r, r.Schema.Optional[i].Name) == how {
			n++
		}
	}
	return n
}

// appendHashed appends an input with a hash in the place of each row; with one hash where it has no rows.
func (d *redactor) appendHashed(b []byte, r *Record, spec *tensor.Spec, t *tensor.Tensor) []byte {
	rows := 1
	if r.Schema.Batchable() && len(t.Shape) > 0 {
		rows = max(int(t.Shape[0]), 0)
	}
	k := d.hashes.Get().(*keyed)
	defer d.hashes.Put(k)
	b = appendString(b, spec.Name)
	b = appendString(b, table.HashType)
	b = binary.AppendUvarint(b, 2)
	b = binary.AppendVarint(b, int64(rows))
	b = binary.AppendVarint(b, table.HashSize)
	b = binary.AppendUvarint(b, uint64(rows*table.HashSize))
	k.name = append(append(k.name[:0], spec.Name...), 0)
	rest := t.Data
	for left := rows; left > 0; left-- {
		row := firstRow(t, rest, left)
		rest = rest[len(row):]
		k.Reset()
		k.Write(k.name)
		k.Write(row)
		b = append(b, k.Sum(k.sum[:0])...)
	}
	return b
}

// firstRow is the first of the rows that data holds.
func firstRow(t *tensor.Tensor, data []byte, rows int) []byte {
	if t.Type.Size() > 0 {
		return data[:len(data)/rows]
	}
	elements := 1
	if len(t.Shape) > 0 {
		elements = tensor.RowElements(t.Shape)
	}
	if rows == 1 {
		return data
	}
	row, err := tensor.BytesSpan(data, 0, elements)
	if err != nil {
		return nil // the decoder has seen to it that this cannot be
	}
	return row
}
