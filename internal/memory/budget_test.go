package memory

import (
	"math/rand/v2"
	"sync"
	"testing"
)

func TestBudgetIsNeverExceeded(t *testing.T) {
	b := NewBudget(1000)
	var wg sync.WaitGroup
	refused := make([]int, 8)
	for i := range refused {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(uint64(i), 1))
			var h Hold
			for range 5000 {
				if !h.Grow(b, int64(random.IntN(400))) {
					refused[i]++
				}
				if used := b.Used(); used > 1000 || h.Bytes() > used {
					t.Errorf("%d bytes are taken, %d of them by one", used, h.Bytes())
				}
				switch random.IntN(3) {
				case 0:
					h.Shrink(int64(random.IntN(200)))
				case 1:
					h.Release()
					if h.Bytes() != 0 {
						t.Error("what was given back is still held")
					}
				}
			}
			h.Release()
		})
	}
	wg.Wait()
	if b.Used() != 0 {
		t.Errorf("%d bytes are lost", b.Used())
	}
	if b.Take(1001) || !b.Take(1000) || b.Take(1) {
		t.Error("the limit does not hold")
	}
	b.SetLimit(500)
	if b.Give(600); b.Take(200) || !b.Take(100) {
		t.Error("a lower limit does not hold")
	}
}

func TestNoBudget(t *testing.T) {
	var b *Budget
	var h Hold
	if !b.Take(1<<60) || !h.Grow(b, 1<<60) {
		t.Error("without a budget there is a bound")
	}
	h.Release()
}
