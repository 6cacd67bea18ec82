package onnx

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"

	"sluice/internal/fault"
	"sluice/internal/tensor"
)

// readMaps converts a sequence of maps, one a row, to a matrix in p.text: its columns
// are in the order of the output's labels, or of the first row's keys if the file names
// none. Each row is a map of its own in C, so this costs several allocations a row;
// models exported without such maps are faster.
func (p *port) readMaps(k *call, v value, rows int) (row []int64, data []byte, err error) {
	items, isSequence, err := k.sequence(v)
	switch {
	case err != nil:
		return nil, nil, err
	case !isSequence || (p.Batched && items != rows):
		return nil, nil, fault.Newf(fault.InferenceFailed, "the model gave output '%s' with %d maps for a batch of %d rows", p.Spec.Name, items, rows)
	}
	labels := p.Spec.Labels
	p.text = p.text[:0]
	for i := range items {
		if labels, err = p.readMap(k, v, i, labels); err != nil {
			return nil, nil, fmt.Errorf("row %d: %w", i, err)
		}
	}
	p.shape = p.shape[:0]
	if !p.Batched {
		p.shape = append(p.shape, int64(items))
	}
	p.shape = append(p.shape, int64(len(labels)))
	return p.shape, p.text, nil
}

// readMap appends one row. Without labels it takes them from the keys.
func (p *port) readMap(k *call, v value, i int, labels []string) ([]string, error) {
	m, err := k.item(v, i)
	if err != nil {
		return nil, err
	}
	defer release(m)
	keys, err := p.mapKeys(k, m)
	if err != nil {
		return nil, err
	}
	if len(labels) == 0 {
		labels = keys
	}
	values, err := k.item(m, 1)
	if err != nil {
		return nil, err
	}
	defer release(values)
	d, err := k.describe(values)
	if err != nil {
		return nil, err
	}
	if !d.is(p.Spec.Type) {
		return nil, fmt.Errorf("its values have ONNX type %d, not %s", d.element, p.Spec.Type)
	}
	data, size := d.bytes(p.Spec.Type), p.Spec.Type.Size()
	if len(keys) != len(labels) || len(data) != len(keys)*size {
		return nil, fmt.Errorf("it has %d keys and %d bytes of values for %d labels", len(keys), len(data), len(labels))
	}
	start := len(p.text)
	p.text = append(p.text, data...)
	// Keys come sorted, labels in the file's order: usually, but not always, the same.
	for j, key := range keys {
		column := j
		if labels[j] != key {
			if column = indexOf(labels, key); column < 0 {
				return nil, fmt.Errorf("it has the key %q, which is not a label", key)
			}
		}
		copy(p.text[start+column*size:], data[j*size:(j+1)*size])
	}
	return labels, nil
}

func indexOf(labels []string, key string) int {
	for i, label := range labels {
		if label == key {
			return i
		}
	}
	return -1
}

func (p *port) mapKeys(k *call, m value) ([]string, error) {
	v, err := k.item(m, 0)
	if err != nil {
		return nil, err
	}
	defer release(v)
	d, err := k.describe(v)
	if err != nil {
		return nil, err
	}
	n, _ := tensor.Elements(d.dims)
	keys := make([]string, n)
	switch {
	case d.is(tensor.Int64):
		for i := range keys {
			keys[i] = strconv.FormatInt(int64At(d.bytes(tensor.Int64), i), 10)
		}
		return keys, nil
	case d.is(tensor.Bytes):
		return keys, p.stringKeys(k, v, keys)
	}
	return nil, errors.New("its keys are neither integers nor strings")
}

func int64At(data []byte, i int) int64 { return int64(binary.LittleEndian.Uint64(data[8*i:])) }

// stringKeys reads keys through the port's memory, which a sequence has no other use for.
func (p *port) stringKeys(k *call, v value, keys []string) error {
	size, err := k.stringBytes(v)
	if err != nil || len(keys) == 0 {
		return err
	}
	text, offsets, err := p.rawStrings(k, v, size, len(keys))
	if err != nil {
		return err
	}
	for i := range keys {
		keys[i] = string(text[offsets[i]:end(offsets, i, size)])
	}
	return nil
}
