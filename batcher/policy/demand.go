package policy

import (
	"time"

	"sluice/internal/clock"
)

// demand is the admitted work of one class of an instance, over all shape keys, by deadline;
// equal ones in order of arrival. It is a treap whose nodes keep, of their subtree, the rows,
// the work, and the least deadline less the work before it. So the work before a deadline, the
// items that the next batch takes and the least slack behind a deadline are each expected
// O(log n), and so is a change. The links are inside the items.
type demand struct{ root *Item }

// place is an item's node in the order.
type orderNode struct {
	parent, left, right *Item
	own                 time.Duration // of work
	room                time.Duration // that may be wasted before it: see tariff.opens
	rows                int           // of the subtree, like the others
	work                time.Duration
	least               clock.Instant // deadline less room and the subtree's work before it
}

func (it *Item) sums() (rows int, work time.Duration, least clock.Instant) {
	if it == nil {
		return 0, 0, clock.Never
	}
	return it.order.rows, it.order.work, it.order.least
}

// pull computes a node's sums from its children's.
func (it *Item) pull() {
	o := &it.order
	rows, work, least := o.left.sums()
	o.least = min(least, it.Deadline-clock.Instant(work+o.room))
	rows, work = rows+it.Rows, work+o.own
	moreRows, more, last := o.right.sums()
	o.least = min(o.least, last-clock.Instant(work))
	o.rows, o.work = rows+moreRows, work+more
}

// insert adds an item whose own and room are set.
func (t *demand) insert(it *Item) {
	o := &it.order
	o.parent, o.left, o.right = nil, nil, nil
	at := &t.root
	for *at != nil {
		o.parent = *at
		if it.Deadline < o.parent.Deadline {
			at = &o.parent.order.left
		} else {
			at = &o.parent.order.right
		}
	}
	*at = it
	it.pull()
	for o.parent != nil && o.parent.weight < it.weight {
		t.rotateUp(it)
	}
	for n, p := it, o.parent; p != nil; n, p = p, p.order.parent {
		if p.order.left == n {
			p.pull()
			continue
		}
		p.order.rows, p.order.work = p.order.rows+it.Rows, p.order.work+o.own
		_, before, _ := p.order.left.sums()
		p.order.least = min(p.order.least, n.order.least-clock.Instant(before+p.order.own))
	}
}

// remove takes an item out.
func (t *demand) remove(it *Item) {
	o := &it.order
	for {
		child := o.left
		if child == nil || o.right != nil && o.right.weight > child.weight {
			child = o.right
		}
		if child == nil {
			break
		}
		t.rotateUp(child)
	}
	switch p := o.parent; {
	case p == nil:
		t.root = nil
	case p.order.left == it:
		p.order.left = nil
	default:
		p.order.right = nil
	}
	for n := o.parent; n != nil; n = n.order.parent {
		n.pull()
	}
	*o = orderNode{}
}

// rotateUp puts x in its parent's place and the parent below it.
func (t *demand) rotateUp(x *Item) {
	p := x.order.parent
	g := p.order.parent
	if p.order.left == x {
		p.order.left = x.order.right
		if p.order.left != nil {
			p.order.left.order.parent = p
		}
		x.order.right = p
	} else {
		p.order.right = x.order.left
		if p.order.right != nil {
			p.order.right.order.parent = p
		}
		x.order.left = p
	}
	p.order.parent, x.order.parent = x, g
	switch {
	case g == nil:
		t.root = x
	case g.order.left == p:
		g.order.left = x
	default:
		g.order.right = x
	}
	p.pull()
	x.pull()
}

// until is the rows and the work of the items due at or before d.
func (t *demand) until(d clock.Instant) (rows int, work time.Duration) {
	for n := t.root; n != nil; {
		if d < n.Deadline {
			n = n.order.left
			continue
		}
		r, w, _ := n.order.left.sums()
		rows, work = rows+r+n.Rows, work+w+n.order.own
		n = n.order.right
	}
	return rows, work
}

// prefix is the longest run of items at the front that has at most so many rows.
func (t *demand) prefix(most int) (rows int, work time.Duration) {
	for n := t.root; n != nil; {
		r, w, _ := n.order.left.sums()
		if rows+r > most {
			n = n.order.left
			continue
		}
		rows, work = rows+r, work+w
		if rows+n.Rows > most {
			break
		}
		rows, work = rows+n.Rows, work+n.order.own
		n = n.order.right
	}
	return rows, work
}

// behind is the first item that has at least so many rows before it, nil if there is none.
func (t *demand) behind(skip int) (it *Item) {
	rows := 0
	for n := t.root; n != nil; {
		r, _, _ := n.order.left.sums()
		if rows+r < skip {
			rows, n = rows+r+n.Rows, n.order.right
			continue
		}
		it, n = n, n.order.left
	}
	return it
}

// least is the least deadline less the work before it of the items that are due later than d
// and have at least so many rows before them.
func (t *demand) least(d clock.Instant, skip int) clock.Instant {
	least, rows, work := clock.Never, 0, time.Duration(0)
	for n := t.root; n != nil; {
		r, w, _ := n.order.left.sums()
		before, done := rows+r, work+w
		if n.Deadline <= d || before < skip {
			rows, work = before+n.Rows, done+n.order.own
			n = n.order.right
			continue
		}
		_, _, last := n.order.right.sums()
		least = min(least, n.Deadline-clock.Instant(done+n.order.room), last-clock.Instant(done+n.order.own))
		n = n.order.left
	}
	return least
}

// first is the first item that is due earlier than the instant and the work before it, nil if none is.
func (t *demand) first(at clock.Instant) *Item {
	n := t.root
	for n != nil && n.order.least < at {
		_, work, least := n.order.left.sums()
		switch {
		case least < at:
			n = n.order.left
		case n.Deadline-clock.Instant(work+n.order.room) < at:
			return n
		default:
			at += clock.Instant(work + n.order.own)
			n = n.order.right
		}
	}
	return nil
}
