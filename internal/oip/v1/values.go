package v1

import (
	"encoding/base64"
	"encoding/binary"
	"slices"

	"sluice/internal/fault"
	"sluice/internal/oip/wire"
	"sluice/internal/tensor"
)

// value reads a scalar or lists of lists and appends its leaves to the column. Unlike
// V2 the nesting is the shape, so it must be rectangular; nest.dims has it afterwards.
func (d *decoder) value(c *column, spec *tensor.Spec) error {
	s, nest := d.s, &d.r.nest
	nest.reset()
	for {
		if n := cap(c.data); n > c.counted {
			if err := d.Claim(n - c.counted); err != nil {
				return err
			}
			c.counted = n
		}
		if spec.Type != tensor.Bytes && nest.leaves() {
			c.data = slices.Grow(c.data, 1024)
			at := len(c.data)
			n := s.Run(c.data[at:cap(c.data)], spec.Type)
			c.data = c.data[:at+n*spec.Type.Size()]
			nest.add(int64(n))
		}
		first := s.Peek()
		if first == '[' {
			if err := s.Open(); err != nil {
				return err
			}
			if !nest.open() {
				return d.ragged(spec)
			}
			if s.Peek() != ']' {
				continue
			}
		} else {
			if err := d.element(c, spec, first); err != nil {
				return wire.Placed(err, d.where(spec))
			}
			if !nest.leaf() {
				return d.ragged(spec)
			}
		}
		if done, err := d.closeLists(spec); done || err != nil {
			return err
		}
	}
}

// closeLists reads closing brackets and the comma before the next element; done
// when the outermost list has ended.
func (d *decoder) closeLists(spec *tensor.Spec) (done bool, err error) {
	nest := &d.r.nest
	for len(nest.counts) > 0 {
		ok, err := d.s.More(false, ']')
		if ok || err != nil {
			return false, err
		}
		if !nest.close() {
			nest.add(-1) // it is the list that has ended
			return false, d.ragged(spec)
		}
	}
	return true, nil
}

func (d *decoder) ragged(spec *tensor.Spec) error {
	return fault.Newf(fault.DataLengthMismatch, "the lists of input '%s' are not rectangular, at %s", spec.Name, d.where(spec))
}

// where is the place of the value or list is that is being read.
func (d *decoder) where(spec *tensor.Spec) string {
	path := []byte("inputs")
	if d.r.Row {
		path = []byte("instances")
		if d.row >= 0 {
			path = wire.AppendIndexes(path, []int64{d.row})
		}
	}
	if d.row >= 0 {
		path = append(append(path, '.'), spec.Name...)
	}
	return string(wire.AppendIndexes(path, d.r.nest.counts))
}

// element reads one leaf.
func (d *decoder) element(c *column, spec *tensor.Spec, first byte) (err error) {
	if spec.Type == tensor.Bytes {
		if first == '{' {
			return d.base64(c, spec)
		}
		c.data, err = d.s.BytesElement(c.data, spec.Name, first)
		return err
	}
	size := spec.Type.Size()
	c.data = slices.Grow(c.data, size)[:len(c.data)+size]
	return d.s.Element(c.data[len(c.data)-size:], spec.Type, spec.Name, first)
}

const notBase64 = "an object among the values of input '%s' must be {\"b64\": \"...\"} and nothing else"

// base64 reads {"b64":"..."} as one BYTES element.
func (d *decoder) base64(c *column, spec *tensor.Spec) error {
	s := d.s
	o := s.Object(nil)
	if !o.Member() && o.Err != nil {
		return o.Err
	}
	if string(o.Key) != "b64" {
		return fault.Newf(fault.InvalidValue, notBase64, spec.Name)
	}
	if s.Peek() != '"' {
		return s.Refuse(fault.InvalidValue, notBase64, spec.Name)
	}
	text, scratch, err := s.Content(d.r.text)
	if err != nil {
		return err
	}
	d.r.text = scratch
	if o.Member() {
		return fault.Newf(fault.InvalidValue, notBase64, spec.Name)
	}
	if o.Err != nil {
		return o.Err
	}
	encoding := base64.StdEncoding
	if len(text)%4 != 0 {
		encoding = base64.RawStdEncoding // some senders leave out the padding
	}
	at, most := len(c.data), 4+encoding.DecodedLen(len(text))
	c.data = slices.Grow(c.data, most)[:at+most]
	n, err := encoding.Decode(c.data[at+4:], text)
	if err != nil {
		return fault.Newf(fault.InvalidBytes, "'b64' of input '%s' is not base64", spec.Name)
	}
	binary.LittleEndian.PutUint32(c.data[at:], uint32(n))
	c.data = c.data[:at+4+n]
	return nil
}

// isBase64 reports whether the object at the scanner is a BYTES scalar and not a map
// of inputs. It reads nothing.
func (d *decoder) isBase64() bool {
	if len(d.Schema.Inputs) != 1 || d.Schema.Inputs[0].Type != tensor.Bytes || d.Schema.Inputs[0].Name == "b64" {
		return false
	}
	s := d.s.Scanner // a copy, which may move on
	o := s.Object(nil)
	return o.Member() && string(o.Key) == "b64"
}
