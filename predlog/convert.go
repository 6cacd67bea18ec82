package predlog

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"sluice/predlog/table"
)

// tidyEvery is how often the folder is looked at where no spool is complete: for its age, and for spools that
// could not be converted before.
const tidyEvery = 10 * time.Second

// runConverter converts spools and keeps the folder within its limits until the loop has ended and its last spool
// is converted, or ctx ends.
func (w *Writer) runConverter(ctx context.Context) {
	defer close(w.converterDone)
	defer w.lock.Close()
	lowerPriority()
	tick := time.NewTicker(tidyEvery)
	defer tick.Stop()
	for last := false; ; {
		if err := w.tidy(ctx); err != nil && ctx.Err() == nil {
			w.unconverted.Warn(w.opt.Log, "a spool of the prediction log waits: it cannot be converted", zap.Error(err))
		}
		if last {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-w.done:
			last = true
		case <-w.convert:
		case <-tick.C:
		}
	}
}

// tidy converts all complete spools and removes what is beyond the limits.
func (w *Writer) tidy(ctx context.Context) error {
	all, err := List(w.opt.Dir)
	if err != nil {
		return err
	}
	var faults []error
	for _, f := range all {
		if f.Table || f.current {
			continue
		}
		begin := time.Now()
		err := w.convertSpool(ctx, &f)
		w.converting.Add(int64(time.Since(begin)))
		if ctx.Err() != nil {
			return ctx.Err()
		}
		faults = append(faults, err)
	}
	return errors.Join(append(faults, w.prune(time.Now()))...)
}

// convertSpool makes a Parquet file of a spool and removes the spool. A process that ends on the way leaves the
// spool, or both, and it is done again to the same name.
func (w *Writer) convertSpool(ctx context.Context, f *Entry) error {
	final := filepath.Join(w.opt.Dir, tablePrefix+f.Stamp+tableSuffix)
	part := final + partSuffix
	spool, err := convertTo(ctx, f.Path, part)
	if err != nil {
		_ = os.Remove(part) // it may not be there
		return err
	}
	if spool.Torn > 0 {
		w.opt.Log.Warn("a spool of the prediction log ends in the middle of a record, which is left out", zap.String("file", f.Path), zap.Int64("records", spool.Records), zap.Int64("bytes", spool.Torn))
	}
	if spool.Records == 0 && spool.Numbers == (Numbers{}) {
		return errors.Join(os.Remove(part), os.Remove(f.Path))
	}
	if err := errors.Join(os.Rename(part, final), syncFolder(w.opt.Dir)); err != nil {
		return err
	}
	w.files.Add(1)
	return os.Remove(f.Path)
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// writtenAtOnce is the most rows without tensors that are written together: one at a time they cost a third more.
const writtenAtOnce = 64

// convertTo writes a spool's records to a Parquet file, which is on the disk then. What panics in it, a library's
// encoder, costs this spool alone.
func convertTo(ctx context.Context, from, to string) (spool Spool, err error) {
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return spool, fmt.Errorf("cannot convert the spool %s: %w", from, err)
	}
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("cannot convert the spool %s: it panicked: %v", from, reason)
		}
		err = errors.Join(err, out.Close())
	}()
	t, rows := table.NewWriter(out), make([]table.Row, 0, writtenAtOnce)
	write := func() error {
		defer func() { rows = rows[:0] }()
		return t.Write(rows)
	}
	spool, err = ReadSpool(from, func(r *table.Row) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		rows = append(rows, *r)
		if len(rows) < cap(rows) && len(r.Inputs)+len(r.Outputs) == 0 {
			return nil
		}
		return write() // its tensors are good for this call alone
	})
	if err == nil {
		err = write()
	}
	if err != nil {
		return spool, err
	}
	if err := errors.Join(t.Close(spool.Numbers.table()), out.Sync()); err != nil {
		return spool, fmt.Errorf("cannot convert the spool %s: %w", from, err)
	}
	return spool, nil
}
