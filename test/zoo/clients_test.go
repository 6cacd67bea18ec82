package zoo

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
)

const (
	clients = 16 // ask a model at the same time
	rounds  = 12 // requests of each
)

// tally counts a model's requests.
type tally struct {
	mu sync.Mutex
	// asked, shared and wrong are requests; shared ones ran beside rows of others.
	asked, shared, wrong int
	// first are the first few faults.
	first []string
}

func (c *tally) note(shared bool, fault string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked++
	if shared {
		c.shared++
	}
	if fault != "" {
		c.wrong++
		if len(c.first) < 3 {
			c.first = append(c.first, fault)
		}
	}
}

func (c *tally) add(other *tally) {
	c.asked, c.shared, c.wrong = c.asked+other.asked, c.shared+other.shared, c.wrong+other.wrong
}

// try sends one request and says what is wrong with the answer.
func (g *gateway) try(m *model, e *exchange, f form, tolerance float64) (got []tensor, shared bool, fault string) {
	got, batch, err := g.infer(m.Name, e.inputs, f)
	shared = batch > e.rows()
	if err != nil {
		return nil, shared, fmt.Sprintf("%d rows as %v: %v", e.rows(), f, err)
	}
	if len(got) != len(e.outputs) {
		return got, shared, fmt.Sprintf("%d rows as %v: %d outputs instead of %d", e.rows(), f, len(got), len(e.outputs))
	}
	for i := range got {
		if text := e.outputs[i].differ(&got[i], tolerance); text != "" {
			return got, shared, fmt.Sprintf("%d rows as %v (run beside others: %t): %s", e.rows(), f, shared, text)
		}
	}
	return got, shared, ""
}

// oneByOne sends every case alone, in each form.
func (g *gateway) oneByOne(m *model, counts *tally) {
	for i := range m.cases {
		e := &m.cases[i]
		got, shared, fault := g.try(m, e, asBinary, m.tolerance())
		counts.note(shared, fault)
		if !m.binaryOnly() {
			_, shared, fault := g.try(m, e, asJSON, m.tolerance())
			counts.note(shared, fault)
		}
		if m.indivisible() && m.Tolerance > 0 && fault == "" {
			// The answers of this processor are known now, and neighbours must not change them.
			e.outputs = got
		}
	}
	if m.indivisible() {
		m.Tolerance = 0
	}
}

// together lets clients ask at the same time, each some rounds, in sizes and forms of its own.
func (g *gateway) together(m *model, rounds int, counts *tally) {
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(uint64(c), 1))
			for range rounds {
				f := form(m.binaryOnly() || random.IntN(2) == 0)
				_, shared, fault := g.try(m, m.draw(random), f, m.tolerance())
				counts.note(shared, fault)
			}
		})
	}
	wg.Wait()
}

// hold asks a model alone and from many clients, and wants every answer right.
func (g *gateway) hold(t *testing.T, m *model, rounds int, total *tally) {
	t.Helper()
	if s := g.state(m.Name); s.State != "READY" {
		t.Errorf("not served (%s): %s", s.State, s.Reason)
		return
	}
	t.Log(g.batching(m.Name))
	var alone, many tally
	g.oneByOne(m, &alone)
	g.together(m, rounds, &many)
	total.add(&alone)
	total.add(&many)
	if alone.wrong > 0 || many.wrong > 0 {
		t.Errorf("%d of %d requests alone and %d of %d from %d clients went wrong", alone.wrong, alone.asked, many.wrong, many.asked, clients)
	}
	for _, text := range append(alone.first, many.first...) {
		t.Error(text)
	}
}
