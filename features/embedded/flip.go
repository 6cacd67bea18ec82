package embedded

import (
	"context"
	"fmt"

	"sluice/features/native"
)

// Flip makes the generation that was loaded the visible one, and the visible one the way back. Readers see it within
// a second.
func (w *Writer) Flip(ctx context.Context) error {
	if w.loading == nil {
		return errNotBegun
	}
	// Its readers must find it closed.
	if err := w.loading.Close(); err != nil {
		return err
	}
	w.loading = nil
	_, err := w.move(ctx, func(p native.Pointer) (native.Pointer, error) {
		if p.Loading != w.number {
			return p, fmt.Errorf("view %s is being loaded as generation %d, and this load is of generation %d: begin again", w.folder.view, p.Loading, w.number)
		}
		return p.Flip(w.now().Unix()), nil
	})
	if err != nil {
		return err
	}
	w.endLoad()
	return nil
}

// endLoad lets another load begin.
func (w *Writer) endLoad() {
	if w.unload != nil {
		w.unload()
		w.unload = nil
	}
}

// Rollback makes the previous generation the visible one, and the other way round.
func (w *Writer) Rollback(ctx context.Context) error {
	_, err := w.move(ctx, func(p native.Pointer) (native.Pointer, error) {
		back, ok := p.Back(w.now().Unix())
		if !ok {
			return p, fmt.Errorf("view %s in %s has no previous generation", w.folder.view, w.folder.dir)
		}
		return back, nil
	})
	return err
}

// Close ends the writer. A load that is not finished can be resumed.
func (w *Writer) Close() error {
	var err error
	if w.loading != nil {
		err = w.loading.Close()
		w.loading = nil
	}
	w.endLoad()
	return err
}
