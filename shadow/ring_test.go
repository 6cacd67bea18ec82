package shadow

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"sluice/internal/clock"
	"sluice/internal/tensor"
)

var echo = &tensor.Schema{
	MaxBatch: 8,
	Inputs:   []tensor.Spec{{Name: "x", Type: tensor.FP32, Shape: []int64{-1, 4}}},
	Outputs:  []tensor.Spec{{Name: "y", Type: tensor.FP32, Shape: []int64{-1, 4}}},
}

// request is one whose bytes are all the same value.
func request(id string, rows int, value byte) *Request {
	data := make([]byte, rows*16)
	for i := range data {
		data[i] = value
	}
	one := func(name string) []tensor.Tensor {
		return []tensor.Tensor{{Name: name, Type: tensor.FP32, Shape: []int64{int64(rows), 4}, Data: data}}
	}
	return &Request{Model: "m", Version: "1", Digest: "d1", ID: []byte(id), Rows: rows, Schema: echo, Inputs: one("a view"), Outputs: one("another")}
}

// total is the account of all levels; it fails if what was seen is not accounted for.
func total(t *testing.T, r *ring) (sum Counts) {
	t.Helper()
	levels, _ := r.read()
	for l := range levels {
		sum.add(&levels[l])
	}
	if sum.Seen != sum.Compared+sum.dropped()+sum.failed()+sum.Waiting {
		t.Errorf("%d were seen: %+v", sum.Seen, sum)
	}
	return sum
}

// Copies come out whole and in order, whatever is given back when, and what does not fit is dropped for its reason.
func TestRingKeepsCopies(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	r := newRing(40, 1000)
	var held []*slot
	expected, next, fits := []byte{}, 0, 0
	for i := range 5000 {
		if random.IntN(2) == 0 {
			before := total(t, r)
			rows := 1 + random.IntN(12)
			r.offer(request(fmt.Sprint(i), rows, byte(i)), uint64(i), Level(random.IntN(3)), clock.Now())
			if after := total(t, r); after.Waiting > before.Waiting {
				expected = append(expected, byte(i))
				fits++
			}
		} else if s := r.take(); s != nil {
			held = append(held, s)
			if want := expected[next]; len(s.inputs) != 1 || len(s.outputs) != 1 || s.inputs[0].Name != "x" || s.outputs[0].Name != "y" || s.inputs[0].Data[0] != want {
				t.Fatalf("request %d came out as %+v; want bytes of %d", next, s, want)
			}
			next++
		}
		if len(held) > 0 && random.IntN(3) == 0 {
			k := random.IntN(len(held))
			s := held[k]
			want := s.inputs[0].Data[0]
			for _, data := range [][]byte{s.inputs[0].Data, s.outputs[0].Data} {
				for _, b := range data {
					if b != want {
						t.Fatal("a copy was overwritten while it was in use")
					}
				}
			}
			r.settle(s, compared)
			held = append(held[:k], held[k+1:]...)
		}
	}
	sum := total(t, r)
	if sum.Dropped[RingRows] == 0 || sum.Dropped[RingBytes] == 0 || fits < 500 {
		t.Errorf("%d fitted; dropped %v", fits, sum.Dropped)
	}
	for _, s := range held {
		r.settle(s, failed(Gone))
	}
	r.drop(Stopped)
	if sum = total(t, r); sum.Waiting != 0 || sum.Failed[Gone] != uint64(len(held)) {
		t.Errorf("at the end: %+v", sum)
	}
	if _, full := r.read(); full != 0 {
		t.Errorf("the empty ring is full to %v", full)
	}
}

func TestRingBounds(t *testing.T) {
	r := newRing(4, 1<<20)
	for i := range 3 {
		r.offer(request("a", 2, byte(i)), 0, Low, 0)
	}
	small := newRing(100, 100)
	small.offer(request("a", 4, 1), 0, Low, 0) // 128 bytes
	small.offer(request("a", 2, 1), 0, High, 0)
	if a, b := total(t, r), total(t, small); a.Waiting != 2 || a.Dropped[RingRows] != 1 || b.Waiting != 1 || b.Dropped[RingBytes] != 1 {
		t.Errorf("%+v\n%+v", a, b)
	}
	if _, full := r.read(); full != 1 {
		t.Errorf("the ring is full to %v", full)
	}
	if a, b := r.tooLarge(), small.tooLarge(); a != "" || b != "requests of more than 100 bytes are never mirrored, and one had 128: raise shadow.max_bytes" {
		t.Errorf("%q, %q", a, b)
	}
	held := newRing(4, 1<<10)
	held.mu.Lock()
	held.offer(request("a", 1, 1), 0, Middle, 0)
	held.refuse(Middle, NotRunning)
	held.mu.Unlock()
	if c := total(t, held); c.Dropped[Busy] != 2 || c.Seen != 2 {
		t.Errorf("beside another copy: %+v", c)
	}
	s := newRing(1, 64)
	s.offer(request("0123456789", 1, 1), 7, Low, 0)
	if got := s.take(); got == nil || s.take() != nil || string(got.id) != "0123456789" || got.unit != 7 || got.inputs[0].Shape[0] != 1 || got.inputs[0].Shape[1] != 4 {
		t.Errorf("it came out as %+v", got)
	}
}

// Requests come from several goroutines and go to several senders, and each is accounted for once.
func TestRingAtOnce(t *testing.T) {
	r := newRing(16, 2000)
	var offering, taking sync.WaitGroup
	quit := make(chan struct{})
	for range 2 {
		taking.Go(func() {
			for {
				if s := r.take(); s != nil {
					for _, b := range s.inputs[0].Data {
						if b != s.id[0] {
							t.Error("a copy has bytes of another")
						}
					}
					r.settle(s, compared)
					continue
				}
				select {
				case <-r.wake:
				case <-quit:
					return
				}
			}
		})
	}
	const each = 2000
	for g := range 4 {
		offering.Go(func() {
			for range each {
				r.offer(request(string(rune('a'+g)), 1+g, byte('a'+g)), 0, Low, 0)
			}
		})
	}
	offering.Wait()
	close(quit)
	taking.Wait()
	r.drop(Stopped)
	if c := total(t, r); c.Seen != 4*each || c.Waiting != 0 || c.Compared == 0 {
		t.Errorf("%+v", c)
	}
}

func TestOfferAllocations(t *testing.T) {
	r, q := newRing(8, 4096), request("id", 2, 1)
	f := func() {
		r.offer(q, 1, Low, 0)
		if s := r.take(); s != nil {
			r.settle(s, compared)
		}
	}
	for range 16 {
		f()
	}
	if n := testing.AllocsPerRun(200, f); n > 0 {
		t.Errorf("%v allocations for a request", n)
	}
}

// A request whose copy panics does not keep the ones behind it.
func TestRingSpoiled(t *testing.T) {
	r := newRing(4, 1024)
	bad := request("bad", 1, 1)
	bad.Schema = nil
	func() {
		defer func() { _ = recover() }()
		r.offer(bad, 0, Low, 0)
		t.Error("no panic")
	}()
	r.offer(request("good", 1, 1), 0, Low, 0)
	first := r.take()
	if first == nil || !first.spoiled {
		t.Fatalf("%+v", first)
	}
	r.settle(first, dropped(Late))
	if s := r.take(); s == nil || s.spoiled || string(s.id) != "good" {
		t.Errorf("%+v", s)
	}
}
