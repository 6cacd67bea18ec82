package onnx

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"unsafe"

	"sluice/internal/fault"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

const wordSize = int(unsafe.Sizeof(uintptr(0)))

// gatherStrings makes a tensor of the parts' strings: their text with a NUL after each
// in the lane's memory, pointers to them in its table. ONNX Runtime copies both.
func (p *port) gatherStrings(l *lane, i int, parts []task.Part) error {
	row, err := p.CommonRow(parts, -1)
	if err != nil {
		return err
	}
	perRow, ok := tensor.Elements(row)
	if !ok {
		return fault.Newf(fault.ShapeTooLarge, "input %q has rows of shape %v", p.Spec.Name, row)
	}
	size := 0
	for _, part := range parts {
		got := len(part.Task.Inputs[i].Data)
		if perRow > int64(got/4/part.Task.Rows) {
			return fault.Newf(fault.InvalidBytes, "input %q has %d bytes, too few for %d rows of %d strings", p.Spec.Name, got, part.Task.Rows, perRow)
		}
		size += got
	}
	// Each length prefix has four bytes, its NUL one: the data's size is enough.
	if _, err := p.memory.ensure(max(size, 1)); err != nil {
		return err
	}
	total := l.batch.Filled * int(perRow)
	if _, err := p.table.ensure(max(total, 1) * wordSize); err != nil {
		return err
	}
	table := p.words(total)
	at, n := 0, 0
	for _, part := range parts {
		if at, n, err = p.addStrings(table, at, n, part, i, int(perRow)); err != nil {
			return err
		}
	}
	for ; n < total; n++ {
		table[n] = table[n-int(perRow)]
	}
	release(p.made)
	p.dims = p.AppendShape(p.dims[:0], l.batch.Filled, row)
	if p.made, err = l.call.strings(p.dims, p.table.pointer(), total); err != nil {
		p.made = nil
		return fmt.Errorf("input %q: %w", p.Spec.Name, err)
	}
	l.call.in[i] = p.made
	return nil
}

// words is the table's first n words.
func (p *port) words(n int) []uintptr { return unsafe.Slice((*uintptr)(p.table.pointer()), n) }

// addStrings copies one part's strings to the memory from at on, and their addresses
// to the table from n on.
func (p *port) addStrings(table []uintptr, at, n int, part task.Part, i, perRow int) (int, int, error) {
	span := part.Task.Inputs[i].Data
	if !part.Whole() {
		var err error
		if span, err = tensor.BytesSpan(span, part.From*perRow, part.Rows()*perRow); err != nil {
			return 0, 0, fault.Newf(fault.InvalidBytes, "input %q: %v", p.Spec.Name, err)
		}
	}
	base := uintptr(p.memory.pointer())
	for first := n; n < first+part.Rows()*perRow; n++ {
		if len(span) < 4 || uint64(binary.LittleEndian.Uint32(span)) > uint64(len(span)-4) {
			return 0, 0, fault.Newf(fault.InvalidBytes, "input %q has fewer than %d whole strings", p.Spec.Name, part.Rows()*perRow)
		}
		size := int(binary.LittleEndian.Uint32(span))
		text := span[4 : 4+size]
		span = span[4+size:]
		if bytes.IndexByte(text, 0) >= 0 {
			return 0, 0, fault.Newf(fault.InvalidBytes, "input %q has a string with a NUL byte (element %d); the model takes none", p.Spec.Name, part.From*perRow+n-first)
		}
		table[n] = base + uintptr(at)
		at += copy(p.memory.bytes[at:], text)
		p.memory.bytes[at] = 0
		at++
	}
	return at, n, nil
}

// readStrings converts a string tensor to the protocol's form, in p.text.
func (p *port) readStrings(k *call, v value, n int) error {
	p.text = p.text[:0]
	size, err := k.stringBytes(v)
	if err != nil || n == 0 {
		return err
	}
	text, offsets, err := p.rawStrings(k, v, size, n)
	if err != nil {
		return err
	}
	for i, from := range offsets {
		p.text = tensor.AppendBytes(p.text, text[from:end(offsets, i, size)])
	}
	return nil
}

// rawStrings copies a tensor's strings, one after another, and where each starts.
func (p *port) rawStrings(k *call, v value, size, n int) (text []byte, offsets []uintptr, err error) {
	if _, err := p.memory.ensure(max(size, 1)); err != nil {
		return nil, nil, err
	}
	if _, err := p.table.ensure(n * wordSize); err != nil {
		return nil, nil, err
	}
	err = k.stringContent(v, p.memory.pointer(), size, p.table.pointer(), n)
	return p.memory.bytes[:size], p.words(n), err
}

// end is where string i ends.
func end(offsets []uintptr, i, size int) uintptr {
	if i+1 < len(offsets) {
		return offsets[i+1]
	}
	return uintptr(size)
}
