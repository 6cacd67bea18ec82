package worker

import (
	"fmt"
	"slices"

	"sluice/internal/rows"
	"sluice/internal/tensor"
)

// places is where in a lane's slab each tensor lies. Both processes work it out from the same
// spec, so offsets need not be sent for what is fixed.
type places struct {
	in       []place
	out      []place // of an output that is not fixed, empty
	optional place   // optional inputs, one after another
	free     place   // outputs that are not fixed, one after another
	size     int
}

type place struct{ offset, size int }

// alignment keeps tensors apart in cache lines, and as aligned as kernels like them.
const alignment = 64

// maxSlab is the most address space of a lane.
const maxSlab = 1 << 44

// maxFree is the most address space for all inputs of free size together. It binds models of
// more than 256 inputs alone, with the usual bound for each.
const maxFree = 1 << 36

func newPlaces(l *rows.Layout, freeBytes int) (p places, err error) {
	next := func(size int) place {
		at := place{p.size, size}
		p.size = alignUp(p.size + size)
		return at
	}
	for i := range l.In {
		size := min(freeBytes, maxFree/len(l.In))
		if l.In[i].Fixed {
			size = l.In[i].RowBytes * l.MostRows()
		}
		p.in = append(p.in, next(size))
	}
	for k := range l.Out {
		if l.Out[k].Fixed {
			p.out = append(p.out, next(l.Out[k].RowBytes*l.MostRows()))
			continue
		}
		p.out = append(p.out, place{})
	}
	if l.Optional != nil {
		p.optional = next(freeBytes)
	}
	p.free = next(freeBytes)
	if p.size > maxSlab {
		return p, fmt.Errorf("its largest batch takes %d bytes; %d are the most", p.size, maxSlab)
	}
	return p, nil
}

func alignUp(n int) int { return (n + alignment - 1) &^ (alignment - 1) }

// of is the place's part of a slab.
func (p place) of(slab []byte) []byte { return slab[p.offset : p.offset+p.size : p.offset+p.size] }

// holds reports whether a region lies within the place.
func (p place) holds(r *region) bool {
	return r.offset >= p.offset && r.size >= 0 && r.size <= p.size && r.offset-p.offset <= p.size-r.size
}

// checkRegion holds a tensor that the other process describes against its port and place.
func checkRegion(p *rows.Port, at place, r *region, filled int) error {
	n, ok := tensor.Elements(r.dims)
	row := r.dims
	if p.Batched && len(row) > 0 {
		row = row[1:]
	}
	switch {
	case !at.holds(r):
		return fmt.Errorf("%d bytes at %d, outside of their place", r.size, r.offset)
	case !ok || n > maxSlab:
		return fmt.Errorf("the shape %v", r.dims)
	case p.Batched && (len(r.dims) == 0 || r.dims[0] != int64(p.TensorRows(filled))):
		return fmt.Errorf("the shape %v for a batch of %d rows", r.dims, filled)
	case p.Spec.Type.Size() > 0 && int(n)*p.Spec.Type.Size() != r.size:
		return fmt.Errorf("%d bytes for the shape %v of %s", r.size, r.dims, p.Spec.Type)
	case p.Spec.Type.Size() == 0 && n > int64(r.size/4):
		return fmt.Errorf("%d bytes for %d strings", r.size, n)
	case p.Fixed && !slices.Equal(row, p.Row):
		return fmt.Errorf("the shape %v where rows of %v are fixed", r.dims, p.Row)
	}
	return nil
}
