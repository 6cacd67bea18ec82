package engine

// identities are what requests are known by: the run's own number in the upper half, the
// request's in the lower one, and which of them an answer has been seen of.
type identities struct {
	upper uint64
	seen  []uint64 // a bit for each request
}

func (d *identities) of(i int) uint64 { return d.upper | uint64(uint32(i)) }

// put writes a request's identity as hexadecimal digits.
func (d *identities) put(to []byte, i int) {
	const digits = "0123456789abcdef"
	id := d.of(i)
	_ = to[IDLength-1]
	for k := IDLength - 1; k >= 0; k-- {
		to[k] = digits[id&15]
		id >>= 4
	}
}

// known finds the request of an identity among the first n.
func (d *identities) known(id uint64, n int) (int, bool) {
	if i := int(uint32(id)); id&^0xffffffff == d.upper && i < n {
		return i, true
	}
	return 0, false
}

// see notes that an answer to a request has been seen, and returns whether one had been before.
func (d *identities) see(i int) (before bool) {
	word, bit := &d.seen[i/64], uint64(1)<<(i%64)
	before = *word&bit != 0
	*word |= bit
	return before
}
