package engine

// identities are what requests are known by: the run's own number in the upper half, the
// request's in the lower one, and which of them an answer has been seen of.
type identities struct {
	upper uint64
	seen  []uint64 // a bit for each request
}

func (d *identities) of(i int) uint64 { return d.upper | uint64(uint32(i)) }

// put writes a request's identity.
func (d *identities) put(to []byte, i int) {
	digits := Digits(d.of(i))
	copy(to, digits[:])
}

// Digits are those of an identity as requests and answers bear it.
func Digits(id uint64) (digits [IDLength]byte) {
	for k := range digits {
		digits[k] = "0123456789abcdef"[id>>(60-4*k)&15]
	}
	return digits
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
