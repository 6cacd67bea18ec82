package policy

import "sluice/internal/clock"

// queue holds items in order of their deadlines, equal ones in order of arrival. It is
// a treap threaded with a list, all links inside the items: the list gives the order
// to the window, the tree finds a place in it and counts rows before a deadline.
//
// Requests of one model mostly have equal budgets and so arrive in deadline order: an
// append costs expected O(1), since a node keeps the rows of its left subtree only and
// those do not change when something is added on the far right. Any other insertion,
// removal and count is expected O(log n). A binary heap would be simpler, but the
// window has to look at the queue in order without taking it apart.
type queue struct {
	root, head, tail *Item
	items, rows      int
}

// push inserts an item. weight is random: it balances the tree.
func (q *queue) push(it *Item, weight uint32) {
	it.weight, it.leftRows = weight, 0
	it.parent, it.left, it.right = nil, nil, nil
	q.items++
	q.rows += it.Rows
	switch {
	case q.root == nil:
		q.root, q.head, q.tail = it, it, it
		it.prev, it.next = nil, nil
		return
	case it.Deadline >= q.tail.Deadline:
		it.parent, q.tail.right = q.tail, it
		q.link(q.tail, it, nil)
	default:
		q.descend(it)
	}
	for it.parent != nil && it.parent.weight < it.weight {
		q.rotateUp(it)
	}
}

func (q *queue) descend(it *Item) {
	for n := q.root; ; {
		if it.Deadline < n.Deadline {
			n.leftRows += it.Rows
			if n.left == nil {
				n.left, it.parent = it, n
				q.link(n.prev, it, n)
				return
			}
			n = n.left
			continue
		}
		if n.right == nil {
			n.right, it.parent = it, n
			q.link(n, it, n.next)
			return
		}
		n = n.right
	}
}

func (q *queue) link(prev, it, next *Item) {
	it.prev, it.next = prev, next
	if prev != nil {
		prev.next = it
	} else {
		q.head = it
	}
	if next != nil {
		next.prev = it
	} else {
		q.tail = it
	}
}

// remove takes an item out, wherever it is.
func (q *queue) remove(it *Item) {
	q.items--
	q.rows -= it.Rows
	if it.prev != nil {
		it.prev.next = it.next
	} else {
		q.head = it.next
	}
	if it.next != nil {
		it.next.prev = it.prev
	} else {
		q.tail = it.prev
	}
	for {
		child := it.left
		if child == nil || it.right != nil && it.right.weight > child.weight {
			child = it.right
		}
		if child == nil {
			break
		}
		q.rotateUp(child)
	}
	for n, p := it, it.parent; p != nil; n, p = p, p.parent {
		if n == p.left {
			p.leftRows -= it.Rows
		}
	}
	switch p := it.parent; {
	case p == nil:
		q.root = nil
	case p.left == it:
		p.left = nil
	default:
		p.right = nil
	}
	it.prev, it.next, it.parent, it.left, it.right = nil, nil, nil, nil, nil
}

// rotateUp puts x in its parent's place and the parent below it.
func (q *queue) rotateUp(x *Item) {
	p, g := x.parent, x.parent.parent
	if p.left == x {
		p.leftRows -= x.leftRows + x.Rows
		p.left = x.right
		if p.left != nil {
			p.left.parent = p
		}
		x.right = p
	} else {
		x.leftRows += p.leftRows + p.Rows
		p.right = x.left
		if p.right != nil {
			p.right.parent = p
		}
		x.left = p
	}
	p.parent, x.parent = x, g
	switch {
	case g == nil:
		q.root = x
	case g.left == p:
		g.left = x
	default:
		g.right = x
	}
}

// rowsUntil counts the rows of items due at or before d.
func (q *queue) rowsUntil(d clock.Instant) int {
	if q.tail == nil || q.tail.Deadline <= d {
		return q.rows
	}
	rows := 0
	for n := q.root; n != nil; {
		if n.Deadline <= d {
			rows += n.leftRows + n.Rows
			n = n.right
		} else {
			n = n.left
		}
	}
	return rows
}
