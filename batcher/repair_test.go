package batcher

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sluice/internal/fault"
)

// failsOn is a runner's failure on runs that hold a bad row.
func failsOn(bad func(row uint64) bool, err error) func(rows []uint64) error {
	return func(rows []uint64) error {
		if slices.ContainsFunc(rows, bad) {
			return err
		}
		return nil
	}
}

// watched starts a Batcher for an echo of one lane, and sums up what its batches report.
func watched(t *testing.T, e *echo, maxBatch int) (b *Batcher, m *Model, sum *BatchReport) {
	t.Helper()
	b, m = start(t, e, 1, maxBatch)
	sum = &BatchReport{}
	m.on[0].Observe = func(r *BatchReport) {
		sum.Repairs += r.Repairs
		sum.Apart += r.Apart
		for _, f := range r.Failures {
			sum.Failures = append(sum.Failures, Failure{f.Task, f.Err})
		}
	}
	return b, m, sum
}

// wave sends a request of one good row and, while it runs, requests of so many rows each. It returns their errors; the requests' rows count up from first.
func wave(m *Model, first uint64, sizes []int, budget time.Duration) []error {
	errs := make([]error, len(sizes))
	var wg sync.WaitGroup
	ask := func(row uint64, rows int, err *error) {
		wg.Go(func() {
			tk := newTask(row, rows, budget)
			defer tk.Release()
			*err = m.Predict(tk)
		})
	}
	var ignored error
	ask(1<<40, 1, &ignored)
	for i, n := range sizes {
		synctest.Wait() // so that they come in order
		ask(first, n, &errs[i])
		first += uint64(n)
	}
	wg.Wait()
	return errs
}

func of(n, rows int) []int { return slices.Repeat([]int{rows}, n) }

// Whatever the size of a batch and the number of its bad rows: good requests are answered, and
// bad ones get an error of their own with its cause. Each member runs alone at most once if the
// runner says that the input is at fault, else twice; repair runs take at most a quarter.
func TestBadRowsCostTheirOwnCallers(t *testing.T) {
	all := func(row uint64) bool { return row < 1<<40 }
	f := func(name string, waves [][]int, bad func(row uint64) bool) {
		for _, kind := range []fault.Kind{fault.ModelRejectedInput, fault.InferenceFailed} {
			t.Run(name+" "+kind.Code(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					e := &echo{cost: time.Millisecond, fail: failsOn(bad, fault.Wrap(kind, errBroken, "the run failed"))}
					b, m, sum := watched(t, e, 64)
					defer b.Close()
					failed, members, row := 0, 0, uint64(0)
					for _, sizes := range waves {
						for i, err := range wave(m, row, sizes, time.Second) {
							want := false
							for range sizes[i] {
								want = want || bad(row)
								row++
							}
							members += 1 + sizes[i]/64
							blamed := fault.ModelRejectedInput
							if bad(1<<40 - 1) { // all are: nothing shows that the model works
								blamed = kind
							}
							checkBlame(t, fmt.Sprintf("request %d", i), want, blamed, err)
							if want {
								failed++
							}
						}
					}
					synctest.Wait()
					runs := len(e.seen())
					if most := 2*len(waves) + members*4/3 + failed + 2; runs > most {
						t.Errorf("%d runs for %d parts, want %d at most", runs, members, most)
					}
					if others := runs - sum.Repairs; sum.Repairs > others/3+1 {
						t.Errorf("%d repair runs beside %d others", sum.Repairs, others)
					}
					if len(sum.Failures) != failed {
						t.Errorf("%d failures were reported, want %d", len(sum.Failures), failed)
					}
				})
			})
		}
	}
	one := func(bad ...uint64) func(uint64) bool {
		return func(row uint64) bool { return slices.Contains(bad, row) }
	}
	f("first of three", [][]int{of(3, 1)}, one(0))
	f("last of three", [][]int{of(3, 1)}, one(2))
	f("two of 24", [][]int{of(24, 1)}, one(5, 17))
	f("all of 3", [][]int{of(3, 1)}, all)
	f("all of 64", [][]int{of(64, 1)}, all)
	f("one in a request of 100 rows", [][]int{{5, 100, 7, 20}}, one(80))
	f("every second in every second batch", slices.Repeat([][]int{of(8, 1)}, 20), func(row uint64) bool {
		return row < 1<<40 && row/8%2 == 0 && row%2 == 0
	})
	f("one in every batch", slices.Repeat([][]int{of(32, 1)}, 20), func(row uint64) bool { return row%32 == 9 })
}

// checkBlame wants a request to have been answered or, if it is bad, to have failed in a way,
// with the runner's cause.
func checkBlame(t *testing.T, name string, bad bool, kind fault.Kind, err error) {
	t.Helper()
	if !bad {
		if err != nil {
			t.Errorf("%s has no bad row and got %v", name, err)
		}
		return
	}
	got := fault.Of(err)
	if got == nil {
		t.Errorf("%s has a bad row and was answered", name)
		return
	}
	if got.Kind != kind || !errors.Is(got.Cause, errBroken) {
		t.Errorf("%s got %v with the cause %v", name, err, got.Cause)
	}
}

// A fault without a cause is itself the cause when the input is blamed instead of the model.
func TestBlameKeepsTheCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		said := fault.New(fault.InferenceFailed, "the run failed")
		e := &echo{cost: time.Millisecond, fail: failsOn(func(row uint64) bool { return row == 3 }, said)}
		b, m := start(t, e, 1, 8)
		defer b.Close()
		err := wave(m, 0, of(4, 1), time.Second)[3]
		if got := fault.Of(err); !fault.Is(err, fault.ModelRejectedInput) || !errors.Is(got.Cause, said) {
			t.Errorf("got %v", err)
		}
	})
}

// A run that fails once, whatever is in it, costs nobody the answer.
func TestAFailureThatPassesIsNobodysFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs := 0
		e := &echo{cost: time.Millisecond, fail: func([]uint64) error {
			if runs++; runs == 2 {
				return fault.Wrap(fault.InferenceFailed, errBroken, "the run failed")
			}
			return nil
		}}
		b, m := start(t, e, 1, 8)
		defer b.Close()
		for i, err := range wave(m, 0, of(8, 1), time.Second) {
			if err != nil {
				t.Errorf("request %d got %v", i, err)
			}
		}
	})
}

// Members whose deadline passes while their batch is searched are answered so at once, and cost
// no run any more.
func TestRepairStopsAtTheDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &echo{cost: 10 * time.Millisecond, fail: failsOn(func(row uint64) bool { return row == 15 }, fault.New(fault.InferenceFailed, "the run failed"))}
		b, m := start(t, e, 1, 16)
		defer b.Close()
		begin := time.Now()
		const budget = 55 * time.Millisecond
		good := 0
		for i, err := range wave(m, 0, of(16, 1), budget) {
			switch {
			case err == nil:
				good++
			case !fault.Is(err, fault.DeadlineExceeded) && i != 15:
				t.Errorf("request %d got %v", i, err)
			}
		}
		if took := time.Since(begin); took > budget {
			t.Errorf("the last was answered after %v", took)
		}
		if good < 8 {
			t.Errorf("%d were answered; there was time for the first half", good)
		}
		before := len(e.seen())
		time.Sleep(time.Second)
		if after := len(e.seen()); after != before {
			t.Errorf("%d runs after the deadlines", after-before)
		}
	})
}

// A failed batch's members do not wait again once the model or the server is to go.
func TestClosingWhileABatchFails(t *testing.T) {
	f := func(name string, closing func(ctx context.Context, b *Batcher, m *Model)) {
		synctest.Test(t, func(t *testing.T) {
			e := &echo{cost: 20 * time.Millisecond, fail: failsOn(func(row uint64) bool { return row < 1<<40 }, fault.New(fault.ModelRejectedInput, "no"))}
			b, m := start(t, e, 1, 16)
			var errs []error
			done := make(chan struct{})
			go func() {
				defer close(done)
				errs = wave(m, 0, of(16, 1), time.Second)
			}()
			time.Sleep(30 * time.Millisecond) // the batch of 16 runs
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			closing(ctx, b, m)
			<-done
			drained := 0
			for i, err := range errs {
				if fault.Is(err, fault.Draining) {
					drained++
				} else if !fault.Is(err, fault.ModelRejectedInput) {
					t.Errorf("%s: request %d got %v", name, i, err)
				}
			}
			if drained < 8 {
				t.Errorf("%s: %d of 16 requests were told that they cannot wait", name, drained)
			}
			b.Close()
		})
	}
	f("the model", func(ctx context.Context, _ *Batcher, m *Model) {
		if err := m.Close(ctx); err == nil {
			t.Error("the model closed in time")
		}
	})
	f("the server", func(ctx context.Context, b *Batcher, _ *Model) {
		if err := b.Drain(ctx); err == nil {
			t.Error("the server drained in time")
		}
		b.Close()
	})
}
