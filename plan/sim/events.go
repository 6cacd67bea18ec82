package sim

import "sluice/internal/clock"

type eventKind uint8

const (
	arrival eventKind = iota
	completion
	tick
	comeback
)

// event is something that happens at an instant. Ties go by order of scheduling, so
// that a run is a function of its seed.
type event struct {
	at    clock.Instant
	order uint64
	kind  eventKind
	index int // stream of an arrival, place in world.lanes of a completion, in world.away of a comeback
}

func (e event) before(o event) bool {
	return e.at < o.at || e.at == o.at && e.order < o.order
}

// events is a binary heap. (container/heap would box each event.)
type events struct {
	heap  []event
	order uint64
}

func (q *events) push(at clock.Instant, kind eventKind, index int) {
	e := event{at, q.order, kind, index}
	q.order++
	q.heap = append(q.heap, e)
	i := len(q.heap) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if !e.before(q.heap[parent]) {
			break
		}
		q.heap[i] = q.heap[parent]
		i = parent
	}
	q.heap[i] = e
}

func (q *events) pop() (event, bool) {
	if len(q.heap) == 0 {
		return event{}, false
	}
	top := q.heap[0]
	last := len(q.heap) - 1
	e := q.heap[last]
	q.heap = q.heap[:last]
	for i := 0; last > 0; {
		child := 2*i + 1
		if child+1 < last && q.heap[child+1].before(q.heap[child]) {
			child++
		}
		if child >= last || !q.heap[child].before(e) {
			q.heap[i] = e
			break
		}
		q.heap[i] = q.heap[child]
		i = child
	}
	return top, true
}
