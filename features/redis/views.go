package redis

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"sluice/features/native"
)

// view is what a store knows of the generations of a view.
type view struct {
	name    string
	visible atomic.Uint64
	failure atomic.Pointer[error] // why visible is 0
}

// views looks for new generations of the views that readers have asked for, in one goroutine.
type views struct {
	mu    sync.Mutex
	names map[string]*view
	more  chan struct{} // of one: a view was added
	end   context.CancelFunc
	done  chan struct{}
	ended bool
}

// watch begins to look after a view.
func (v *views) watch(s *Store, name string) *view {
	v.mu.Lock()
	defer v.mu.Unlock()
	one := v.names[name]
	if one == nil {
		if v.names == nil {
			v.begin(s)
		}
		one = &view{name: name}
		one.fail(fmt.Errorf("the generations of view %q are not known yet", name))
		v.names[name] = one
	}
	select {
	case v.more <- struct{}{}:
	default:
	}
	return one
}

// begin starts the goroutine, which stop waits for.
func (v *views) begin(s *Store) {
	v.names = map[string]*view{}
	v.more = make(chan struct{}, 1)
	if v.ended {
		return
	}
	v.done = make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	v.end = cancel
	go v.look(ctx, s.narrow, s.o.Poll)
}

// stop ends the looking. close has to end the connections, on which a look may wait.
func (v *views) stop(close func()) {
	v.mu.Lock()
	v.ended = true
	end, done := v.end, v.done
	v.mu.Unlock()
	if end == nil {
		close()
		return
	}
	end()
	close()
	<-done
}

func (v *views) look(ctx context.Context, l *lane, every time.Duration) {
	defer close(v.done)
	if _, err := l.wait(ctx); err != nil {
		return
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-v.more:
		case <-tick.C:
		}
		v.once(l)
	}
}

// once reads the pointers of all views. A pointer that cannot be read leaves what was known: reads tell better what is wrong.
func (v *views) once(l *lane) {
	v.mu.Lock()
	all := make([]*view, 0, len(v.names))
	for _, one := range v.names {
		all = append(all, one)
	}
	v.mu.Unlock()
	n := l.pick()
	client := *n.client.Load()
	commands := make([]rueidis.Completed, len(all))
	for i, one := range all {
		commands[i] = client.B().Get().Key(native.PointerName(one.name)).Build()
	}
	for i, reply := range client.DoMulti(context.Background(), commands...) {
		if err := reply.Error(); err != nil && !rueidis.IsRedisNil(err) {
			l.avoid(n)
		}
		all[i].update(pointerOf(reply))
	}
}

// pointerOf is the pointer in a reply; the zero pointer if there is none.
func pointerOf(reply rueidis.RedisResult) (native.Pointer, error) {
	text, err := reply.ToString()
	if err != nil {
		if rueidis.IsRedisNil(err) {
			err = nil
		}
		return native.Pointer{}, err
	}
	return native.ParsePointer(text)
}

func (o *view) update(p native.Pointer, err error) {
	switch {
	case err != nil:
		o.fail(fmt.Errorf("cannot read the generation of view %q: %w", o.name, err))
		return
	case p.Visible == 0:
		o.fail(fmt.Errorf("view %q has no generation: load one with `sluice features load`", o.name))
	}
	o.visible.Store(p.Visible)
}

func (o *view) fail(err error) { o.failure.Store(&err) }
