package embedded

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"sluice/features/native"
)

// view is the generations of a view that are open for reading. Reads take them from a snapshot and hold no lock.
type view struct {
	folder folder
	report func(view string, fault error)
	// open has the visible one last; those before it were replaced less than native.KeepSeconds ago.
	open atomic.Pointer[[]*generation]
	// fault is why the last look failed, nil if it did not.
	fault atomic.Pointer[error]
	look  struct { // one at the folder at a time
		sync.Mutex
		closed bool
	}
}

func newView(f folder, report func(view string, fault error)) *view {
	v := &view{folder: f, report: report}
	v.open.Store(new([]*generation))
	return v
}

// visible is the newest generation that is open; nil if there is none.
func (v *view) visible() *generation {
	if open := *v.open.Load(); len(open) > 0 {
		return open[len(open)-1]
	}
	return nil
}

// generation is the one of a number; 0 is the visible one, which is looked for if none has been seen yet.
func (v *view) generation(number uint64) (*generation, error) {
	if number == 0 {
		if g := v.visible(); g != nil {
			return g, nil
		}
		v.refresh(time.Now())
		if g := v.visible(); g != nil {
			return g, nil
		}
		if fault := v.fault.Load(); fault != nil {
			return nil, *fault
		}
		return nil, errClosed
	}
	for _, g := range slices.Backward(*v.open.Load()) {
		if g.number == number {
			return g, nil
		}
	}
	return nil, fmt.Errorf("generation %d of view %s in %s is not open any more: ask for the visible one", number, v.folder.view, v.folder.dir)
}

// refresh looks at the folder, and reports a fault that was not there before, or that is over.
func (v *view) refresh(now time.Time) {
	if isNew, fault := v.lookAt(now); isNew {
		v.report(v.folder.view, fault)
	}
}

// lookAt looks at the pointer, opens what has become visible, takes upserts that are new, and closes what was replaced long
// enough ago. Where it fails, what is open stays.
func (v *view) lookAt(now time.Time) (isNew bool, fault error) {
	v.look.Lock()
	defer v.look.Unlock()
	if v.look.closed {
		return false, nil
	}
	p, err := v.folder.pointer()
	if err == nil && p.Visible == 0 {
		err = fmt.Errorf("view %s in %s has no generation: load one with sluice features load", v.folder.view, v.folder.dir)
	}
	if err == nil {
		err = v.show(p, now)
	}
	for _, g := range *v.open.Load() {
		err = errors.Join(err, g.follow(v.folder, p.Newest()))
	}
	v.closeBefore(now.Add(-native.KeepSeconds * time.Second))
	before := v.fault.Load()
	if err == nil {
		v.fault.Store(nil)
		return before != nil, nil
	}
	v.fault.Store(&err)
	return before == nil || (*before).Error() != err.Error(), err
}

// show makes the visible generation the last of those that are open.
func (v *view) show(p native.Pointer, now time.Time) error {
	number, open, last := p.Visible, *v.open.Load(), v.visible()
	if last != nil && last.number == number && last.isSame() {
		return nil
	}
	at := slices.IndexFunc(open, func(g *generation) bool { return g.number == number && g.isSame() })
	var next *generation
	if at >= 0 { // the way back, or forth again
		next = open[at]
		open = slices.Delete(slices.Clone(open), at, at+1)
	} else {
		g, err := openGeneration(v.folder, number)
		if err != nil {
			return err
		}
		next = g
		// Rows that were upserted before count from the first read on.
		if err := g.follow(v.folder, p.Newest()); err != nil {
			g.close()
			return err
		}
	}
	next.replaced = time.Time{}
	if last != nil && last != next {
		last.replaced = now
	}
	open = append(slices.Clone(open), next)
	v.open.Store(&open)
	return nil
}

// closeBefore closes the generations that were replaced before a time. It waits for reads that are under way, which are of
// local files and short.
func (v *view) closeBefore(than time.Time) {
	var keep, done []*generation
	for _, g := range *v.open.Load() {
		if g.replaced.IsZero() || g.replaced.After(than) {
			keep = append(keep, g)
		} else {
			done = append(done, g)
		}
	}
	if len(done) == 0 {
		return
	}
	v.open.Store(&keep)
	for _, g := range done {
		g.close()
	}
}

// close closes all.
func (v *view) close() {
	v.look.Lock()
	defer v.look.Unlock()
	v.look.closed = true
	open := *v.open.Load()
	v.open.Store(new([]*generation))
	for _, g := range open {
		g.close()
	}
}
