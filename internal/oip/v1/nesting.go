package v1

// nesting follows lists of lists from left to right and finds out their shape, or
// that they have none because they are not rectangular.
type nesting struct {
	counts []int64 // members so far of the lists that are open
	dims   []int64 // length of the lists at each level; -1 until one has ended
	rank   int     // levels above the leaves; -1 until a leaf or an empty list is met
}

func (n *nesting) reset() {
	n.counts, n.dims, n.rank = n.counts[:0], n.dims[:0], -1
}

// open enters a list; false if leaves were met at this level.
func (n *nesting) open() bool {
	if n.rank == len(n.counts) {
		return false
	}
	n.counts = append(n.counts, 0)
	if len(n.dims) < len(n.counts) {
		n.dims = append(n.dims, -1)
	}
	return true
}

// leaf counts a leaf; false if leaves belong to another level.
func (n *nesting) leaf() bool {
	if n.rank < 0 {
		n.rank = len(n.counts)
	}
	if n.rank != len(n.counts) {
		return false
	}
	n.add(1)
	return true
}

// leaves reports whether this is a list, known to be of leaves.
func (n *nesting) leaves() bool { return n.rank > 0 && n.rank == len(n.counts) }

// close leaves the innermost list; false if it is longer or shorter than its peers.
func (n *nesting) close() bool {
	level := len(n.counts) - 1
	if n.rank < 0 {
		n.rank = level + 1
	}
	length := n.counts[level]
	n.counts = n.counts[:level]
	n.add(1)
	if n.dims[level] < 0 {
		n.dims[level] = length
	}
	return n.dims[level] == length
}

// add counts members of the innermost list.
func (n *nesting) add(members int64) {
	if top := len(n.counts) - 1; top >= 0 {
		n.counts[top] += members
	}
}
