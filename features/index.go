package features

import (
	"math/bits"
	"slices"
)

// index finds numbers by hashes: a table with open addressing. Who uses it compares what the numbers stand for.
type index struct {
	cells []int32 // a number and 1, or 0 if the cell is free; a power of two of them, half of them free at least
}

// reset empties the index and gives it room for n numbers.
func (x *index) reset(n int) {
	size := 1 << bits.Len(uint(max(2*n-1, 1)))
	x.cells = slices.Grow(x.cells[:0], size)[:size]
	clear(x.cells)
}

// fits tells whether there is room for n numbers.
func (x *index) fits(n int) bool { return 2*n <= len(x.cells) }

// first is the cell at which a search begins, next the one at which it goes on.
func (x *index) first(hash uint64) int { return int(hash & uint64(len(x.cells)-1)) }

func (x *index) next(cell int) int { return (cell + 1) & (len(x.cells) - 1) }

// at is the number in a cell; -1 if the cell is free.
func (x *index) at(cell int) int { return int(x.cells[cell]) - 1 }

func (x *index) set(cell, number int) { x.cells[cell] = int32(number) + 1 }

// add adds a number that is not there yet.
func (x *index) add(hash uint64, number int) {
	cell := x.first(hash)
	for x.at(cell) >= 0 {
		cell = x.next(cell)
	}
	x.set(cell, number)
}
