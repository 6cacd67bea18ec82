package embedded

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"sluice/features/native"
	"sluice/features/store"
)

// pollEvery is the default of Options.Poll.
const pollEvery = time.Second

// Options of a Store.
type Options struct {
	// Poll is how often the store looks for new generations and upserts. Default: 1 s.
	Poll time.Duration
	// Fault is told why a view's newest generation cannot be read, once for each cause, and nil when it can be again. Default:
	// nobody is told.
	Fault func(view string, fault error)
}

// Store reads the rows that Sluice keeps in a folder.
type Store struct {
	dir     string
	options Options
	stop    chan struct{}
	done    chan struct{}
	mu      struct {
		sync.Mutex
		views  map[string]*view
		closed bool
	}
}

var _ store.Store = (*Store)(nil)

// Open makes a store of a folder, which may come to be later. Close ends it.
func Open(dir string, o Options) *Store {
	if o.Poll <= 0 {
		o.Poll = pollEvery
	}
	if o.Fault == nil {
		o.Fault = func(string, error) {}
	}
	s := &Store{dir: dir, options: o, stop: make(chan struct{}), done: make(chan struct{})}
	s.mu.views = map[string]*view{}
	go s.poll()
	return s
}

func (s *Store) poll() {
	defer close(s.done)
	tick := time.NewTicker(s.options.Poll)
	defer tick.Stop()
	for {
		select {
		case <-s.stop:
			return
		case now := <-tick.C:
			for _, v := range s.views() {
				v.refresh(now)
			}
		}
	}
}

func (s *Store) views() (all []*view) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range s.mu.views {
		all = append(all, v)
	}
	return all
}

// Reader prepares the reads of a group. The view's files are opened by the first read or the next look, whichever is first.
func (s *Store) Reader(g *store.Group) (store.Reader, error) {
	if err := native.CheckName(g.View); err != nil {
		return nil, err
	}
	d, err := native.NewDecoder(g)
	if err != nil {
		return nil, err
	}
	v, err := s.view(g.View)
	if err != nil {
		return nil, err
	}
	return &reader{view: v, decoder: d}, nil
}

// view is that of a name, which is made when it is asked for first.
func (s *Store) view(name string) (*view, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.closed {
		return nil, errClosed
	}
	v := s.mu.views[name]
	if v == nil {
		v = newView(folder{s.dir, name}, s.options.Fault)
		s.mu.views[name] = v
	}
	return v, nil
}

var errClosed = errors.New("the store is closed")

// Ping tells whether the folder is there. A view that cannot be read is told of by its reads, and by Options.Fault.
func (s *Store) Ping(context.Context) error {
	_, err := os.Stat(s.dir)
	return err
}

// Close waits for reads that are under way. Later ones fail.
func (s *Store) Close() error {
	s.mu.Lock()
	again := s.mu.closed
	s.mu.closed = true
	s.mu.Unlock()
	if again {
		return nil
	}
	close(s.stop)
	<-s.done
	for _, v := range s.views() {
		v.close()
	}
	return nil
}
