package telemetry

import (
	"math/bits"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
)

const (
	// maxShards bounds the memory of a handle: more cores than this share shards, which
	// costs little, because two of them seldom write the same cell at once.
	maxShards = 8
	// linePad keeps the last cells of a shard and the first of the next on different
	// pairs of cache lines.
	linePad = 16
)

// cells is a row of counters, once for each shard. A writer picks a shard and adds to
// its cells; a reader sums a cell over the shards.
type cells struct {
	mask   uint32
	stride int
	data   []atomic.Uint64
}

func newCells(n int) cells {
	shards := 1
	if procs := runtime.GOMAXPROCS(0); procs > 1 {
		shards = min(maxShards, 1<<bits.Len(uint(procs-1)))
	}
	stride := n + linePad
	return cells{mask: uint32(shards - 1), stride: stride, data: make([]atomic.Uint64, shards*stride)}
}

// shard picks the cells that one observation writes. A random shard is as good as the
// core's own, which Go does not tell, and cheaper than asking for it.
func (c *cells) shard() []atomic.Uint64 {
	from := 0
	if c.mask != 0 {
		from = int(rand.Uint32()&c.mask) * c.stride
	}
	return c.data[from : from+c.stride]
}

func (c *cells) sum(cell int) uint64 {
	var total uint64
	for at := cell; at < len(c.data); at += c.stride {
		total += c.data[at].Load()
	}
	return total
}
