package replay

import (
	"context"
	"sync"

	"sluice/internal/tensor"
	"sluice/predlog/table"
)

// Recorded is a row that can be asked again, with its tensors.
type Recorded struct {
	Row             *table.Row
	Inputs, Outputs []tensor.Tensor
}

// perWorker is how many rows of a part each worker has.
const perWorker = 8

// InOrder asks each row that can be asked with several workers, and gives what came of it to then in the order of the
// rows, so that what is made of them does not depend on who was first. Model in the options is not looked at. It returns
// how many rows were not asked, by why.
func InOrder[T any](ctx context.Context, o Options, each func(visit func(*table.Row) error) error, ask func(context.Context, *Recorded) T, then func(*Recorded, T) error) (map[string]int, error) {
	skipped := map[string]int{}
	workers := max(o.Workers, 1)
	part := make([]*Recorded, 0, workers*perWorker)
	flush := func() error {
		got := make([]T, len(part))
		next := make(chan int)
		var group sync.WaitGroup
		for range workers {
			group.Go(func() {
				for i := range next {
					got[i] = ask(ctx, part[i])
				}
			})
		}
		for i := range part {
			next <- i
		}
		close(next)
		group.Wait()
		if err := ctx.Err(); err != nil {
			return err
		}
		for i := range part {
			if err := then(part[i], got[i]); err != nil {
				return err
			}
		}
		part = part[:0]
		return nil
	}
	err := each(func(row *table.Row) error {
		why := o.skipped(row)
		if why != "" {
			skipped[why]++
			return nil
		}
		r := &Recorded{Row: clone(row)}
		var err error
		if r.Inputs, err = tensorsOf(r.Row.Inputs); err == nil {
			r.Outputs, err = tensorsOf(r.Row.Outputs)
		}
		if err != nil {
			skipped["of_other_datatypes"]++
			return nil //nolint:nilerr // it is counted
		}
		if part = append(part, r); len(part) < cap(part) {
			return nil
		}
		return flush()
	})
	if err == nil {
		err = flush()
	}
	return skipped, err
}
