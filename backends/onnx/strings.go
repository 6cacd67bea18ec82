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
	row, perRow, err := p.StringRow(parts)
	if err != nil {
		return err
	}
	size := 0
	for _, part := range parts {
		size += len(part.Task.Inputs[i].Data)
	}
	// Each length prefix has four bytes, its NUL one: the data's size is enough.
	if _, err := p.memory.ensure(max(size, 1)); err != nil {
		return err
	}
	total := p.TensorRows(l.batch.Filled) * perRow
	if _, err := p.table.ensure(max(total, 1) * wordSize); err != nil {
		return err
	}
	table := p.words(total)
	if err := p.tabulate(table, parts, perRow); err != nil {
		return err
	}
	release(p.made)
	p.dims = p.AppendShape(p.dims[:0], l.batch.Filled, row)
	if p.made, err = l.call.strings(p.dims, p.table.pointer(), total); err != nil {
		p.made = nil
		return fmt.Errorf("input %q: %w", p.Spec.Name, err)
	}
	return nil
}

// tabulate copies the parts' strings to the memory and their addresses to the table, which it
// fills up with those of the last row.
func (p *port) tabulate(table []uintptr, parts []task.Part, perRow int) (err error) {
	at, n := 0, 0
	if p.Alone() {
		common, err := p.CommonStrings(parts, perRow)
		if err == nil {
			_, _, err = p.addStrings(table, 0, 0, common, perRow, 0)
		}
		return err
	}
	for _, part := range parts {
		span, rows, err := p.Strings(part, perRow)
		if err != nil {
			return err
		}
		end, skipped := n+part.Rows()*perRow, 0
		if rows == part.Rows() {
			skipped = part.From * perRow
		}
		if at, n, err = p.addStrings(table, at, n, span, rows*perRow, skipped); err != nil {
			return err
		}
		n = repeatRow(table, n, end, perRow)
	}
	repeatRow(table, n, len(table), perRow)
	return nil
}

// repeatRow repeats the last row of table[:n] up to end, and returns end.
func repeatRow(table []uintptr, n, end, perRow int) int {
	for ; n < end; n++ {
		table[n] = table[n-perRow]
	}
	return end
}

// words is the table's first n words.
func (p *port) words(n int) []uintptr { return unsafe.Slice((*uintptr)(p.table.pointer()), n) }

// addStrings copies count strings to the memory from at on, and their addresses to the table
// from n on. skipped is how many of the request's strings come before them.
func (p *port) addStrings(table []uintptr, at, n int, span []byte, count, skipped int) (int, int, error) {
	base := uintptr(p.memory.pointer())
	for first := n; n < first+count; n++ {
		if len(span) < 4 || uint64(binary.LittleEndian.Uint32(span)) > uint64(len(span)-4) {
			return 0, 0, fault.Newf(fault.InvalidBytes, "input %q has fewer than %d whole strings", p.Spec.Name, count)
		}
		size := int(binary.LittleEndian.Uint32(span))
		text := span[4 : 4+size]
		span = span[4+size:]
		if bytes.IndexByte(text, 0) >= 0 {
			return 0, 0, fault.Newf(fault.InvalidBytes, "input %q has a string with a NUL byte (element %d); the model takes none", p.Spec.Name, skipped+n-first)
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
