package batcher

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sluice/batcher/policy"
	"sluice/internal/clock"
	"sluice/internal/cost"
	"sluice/internal/fault"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

const (
	stressRequests = 100_000
	stressClients  = 64
	stressBatch    = 8
	stressLanes    = 3
	poisonEvery    = 997 // rows whose number this divides always fail
	reloadEvery    = 2000
)

func poisoned(row uint64) bool { return row%poisonEvery == 0 }

// answerTo is what the model says to a row.
func answerTo(row uint64) uint64 { return row*3 + 1 }

// stress is one server with a model that is replaced all the time.
type stress struct {
	t       *testing.T
	b       *Batcher
	live    atomic.Pointer[Model]
	next    atomic.Uint64 // row numbers, none used twice
	sent    atomic.Int64
	stuck   atomic.Int32
	wrote   []atomic.Bool
	unlucky []atomic.Uint32
	answers [2]atomic.Int64 // ok, fault
	kinds   sync.Map        // of faults

	rescued, hedges, won uint64 // the reloader's
}

// count adds what a version's requests went through before it goes.
func (s *stress) count(m *Model) {
	stats, _ := m.Stats()
	for _, d := range stats.Devices {
		s.rescued, s.hedges, s.won = s.rescued+d.Sent[policy.Rescued], s.hedges+d.Hedges, s.won+d.HedgesWon
	}
}

func (s *stress) load() (*Model, [2]*flaky) {
	f := [2]*flaky{{t: s.t, stuck: &s.stuck, wrote: s.wrote, unlucky: s.unlucky}, {t: s.t, stuck: &s.stuck, wrote: s.wrote, unlucky: s.unlucky}}
	curve := cost.Curve{{Rows: 1, P50: 100 * time.Microsecond}, {Rows: stressBatch, P50: 120 * time.Microsecond}}
	m, err := s.b.Add(Spec{
		Name: "flaky", MaxBatch: stressBatch, Outputs: 1, Budget: 100 * time.Millisecond, QueueRows: 4096,
		Placements: []Placement{{Device: "one", Runner: f[0], Curve: curve}, {Device: "two", Runner: f[1], Curve: curve}},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return m, f
}

// hangsUp is a client that leaves when it is first asked after.
type hangsUp struct{}

func (hangsUp) Gone() bool { return true }

// ask has the live model run a task: it blocks, or submits and runs what there is.
func (s *stress) ask(rng *rand.Rand, tk *task.Task) error {
	m := s.live.Load()
	if rng.IntN(2) == 0 {
		return m.Predict(tk)
	}
	if err := m.Submit(tk); err != nil {
		return err
	}
	for more := true; more; {
		more, _ = s.b.Run()
	}
	<-tk.Wait
	return tk.Err
}

// request sends one request until a model takes or refuses it, and checks the answer.
func (s *stress) request(rng *rand.Rand) {
	rows := 1 + rng.IntN(3)
	if rng.IntN(20) == 0 {
		rows = 1 + rng.IntN(5*stressBatch)
	}
	budget := time.Second
	if rng.IntN(5) == 0 {
		budget = time.Duration(rng.IntN(3000)) * time.Microsecond
	}
	for {
		first := s.next.Add(uint64(rows)) - uint64(rows) + 1
		tk := task.Get()
		tk.Rows, tk.Wanted, tk.ShapeKey = rows, 1, rng.Uint64N(3)
		tk.Priority = task.Priority(rng.IntN(task.Priorities))
		data := tk.Arena.Alloc(8 * rows)
		for i := range rows {
			binary.LittleEndian.PutUint64(data[8*i:], first+uint64(i))
		}
		tk.Inputs = append(tk.Inputs, tensor.Tensor{Type: tensor.Uint64, Shape: []int64{int64(rows)}, Data: data})
		tk.Arrived = clock.Now()
		tk.Deadline = tk.Arrived.Add(budget)
		if rng.IntN(30) == 0 {
			tk.Peer = hangsUp{}
		}
		err := s.ask(rng, tk)
		moved := fault.Is(err, fault.Draining)
		if !moved {
			s.judge(tk, first, err)
		}
		tk.Release()
		if fault.Is(err, fault.NoCapacity) {
			time.Sleep(time.Millisecond) // else these would be all there is
		}
		if !moved {
			return
		}
	}
}

// trouble closes and opens devices, has runs get stuck and switches fallback, until stop is closed.
func (s *stress) trouble(stop chan struct{}) {
	rng := rand.New(rand.NewPCG(2, 0))
	for {
		select {
		case <-stop:
			return
		case <-time.After(time.Duration(rng.IntN(4000)) * time.Microsecond):
		}
		names := []string{"one", "two"}
		name := names[rng.IntN(2)]
		var err error
		switch rng.IntN(12) {
		case 0:
			for _, other := range names {
				err = errors.Join(err, s.b.OpenDevice(other))
			}
			err = errors.Join(err, s.b.CloseDevice(name, "test"))
		case 1, 2, 3, 4, 5:
			err = s.b.OpenDevice(name)
		case 6, 7, 8:
			s.stuck.Store(int32(1 + rng.IntN(2)))
		case 9:
			err = s.b.SetSpeed(name, 0.3+0.7*rng.Float64())
		default:
			s.live.Load().SetFallback(rng.IntN(10) > 0)
		}
		if err != nil {
			s.t.Error(err)
		}
	}
}

// Every request gets exactly one answer, its own rows, in order, whatever happens to the
// devices, the clients, the deadlines and the model's versions meanwhile. Tasks are
// pooled: a second answer or a late writer would show in another request.
func TestStress(t *testing.T) {
	var closed, broken atomic.Int64
	b, err := Start(Options{OnDevice: func(_ string, state policy.DeviceState, _ string) {
		switch state {
		case policy.DeviceClosed:
			closed.Add(1)
		case policy.DeviceBroken:
			broken.Add(1)
		}
	}, Devices: []policy.DeviceOptions{{Name: "one", Lanes: stressLanes}, {Name: "two", Lanes: 1, SpreadAfter: time.Millisecond}}, PeerAfter: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	s := &stress{t: t, b: b, wrote: make([]atomic.Bool, 20*stressRequests), unlucky: make([]atomic.Uint32, 20*stressRequests)}
	m, runners := s.load()
	s.live.Store(m)
	reload := make(chan struct{}, 1) // a wish is a fact, not a count
	var clients, reloader sync.WaitGroup
	reloads := 0
	reloader.Go(func() {
		for range reload {
			old, oldRunners := m, runners
			m, runners = s.load()
			s.live.Store(m)
			s.count(old)
			if err := old.Close(context.Background()); err != nil {
				t.Errorf("closing a version: %v", err)
			}
			for _, f := range oldRunners {
				f.closed.Store(true)
			}
			reloads++
		}
	})
	for c := range stressClients {
		clients.Go(func() {
			rng := rand.New(rand.NewPCG(1, uint64(c)))
			for n := s.sent.Add(1); n <= stressRequests; n = s.sent.Add(1) {
				s.request(rng)
				if n%reloadEvery == 0 {
					select {
					case reload <- struct{}{}:
					default:
					}
				}
			}
		})
	}
	stop, troubled := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(troubled)
		s.trouble(stop)
	}()
	clients.Wait()
	close(stop)
	<-troubled
	close(reload)
	reloader.Wait()
	s.checkBooks(m, reloads)
	t.Logf("%d times closed, %d broken, %d rescued, %d hedges, %d won", closed.Load(), broken.Load(), s.rescued, s.hedges, s.won)
	// Hedges are logged alone: what sticks here as often as this is taken for noise after a while.
	if closed.Load() < 10 || broken.Load() < 10 || s.rescued < 10 {
		t.Error("the devices had too little trouble")
	}
	b.Close()
}
