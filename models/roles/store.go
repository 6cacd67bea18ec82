package roles

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"sluice/models/bundle"
)

// Options are what a store needs. Zero values are the defaults.
type Options struct {
	// Dir is the state folder, which is made if it is missing. Empty keeps everything in memory.
	Dir string
	// Admin is the admin address that others are told while this store holds the lease.
	Admin string
	// Heartbeat is the time between two looks at the folder, and between two stamps of the lease. Default 1 s. Too low costs
	// the disk; too high makes the others lag.
	Heartbeat time.Duration
	// Expiry is how long a holder may be silent before another takes over. Default 3 s. Below two heartbeats the lease changes hands without need.
	Expiry time.Duration
	// HistoryBytes caps both files of the history together. Default 8 MiB.
	HistoryBytes int64
	// Log is where changes of the lease and faults of the folder are told. Default nowhere.
	Log *zap.Logger

	sys system
}

func (o *Options) fill() {
	if o.Heartbeat <= 0 {
		o.Heartbeat = time.Second
	}
	if o.Expiry <= 0 {
		o.Expiry = 3 * time.Second
	}
	if o.HistoryBytes <= 0 {
		o.HistoryBytes = 8 << 20
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.sys == nil {
		o.sys = disk{}
	}
	o.Admin = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return -1
		}
		return r
	}, o.Admin)
	o.Admin = o.Admin[:min(len(o.Admin), maxWordBytes)]
}

// Store is the roles of all models.
type Store struct {
	opts   Options
	self   Holder
	known  atomic.Pointer[known]
	behind atomic.Bool
	// working holds a token while the folder is worked on. What follows belongs to whoever has put it there.
	working chan struct{}
	folder  *folder // nil: in memory
	history *history
	keys    map[string]string // what each was used for
	lease   lease
	// highest is the highest number that was seen in the folder, sound or not.
	highest uint64
	// unsynced is set while a generation may be lost when the machine fails, and unmended until the history of
	// the holder before is complete and its keys are known.
	unsynced, unmended bool
	closed             bool
	closing            sync.Once
}

// known is the newest generation, and what tells that there is a newer one.
type known struct {
	state   *State
	changed chan struct{}
}

// Open reads the folder, makes it if it is missing, and takes the lease if nobody holds it. A folder that cannot be used is an
// error that names it.
func Open(opts Options) (*Store, error) {
	opts.fill()
	s := &Store{
		opts: opts, self: Holder{ID: strings.ToLower(rand.Text()[:16]), Admin: opts.Admin},
		working: make(chan struct{}, 1), keys: map[string]string{},
		history: &history{dir: opts.Dir, sys: opts.sys, most: opts.HistoryBytes},
	}
	s.history.rotated = s.readKeys
	first := &State{Schema: schemaFirst, Models: map[string]Model{}}
	if opts.Dir == "" {
		first.Holder = s.self
	}
	s.known.Store(&known{first, make(chan struct{})})
	if opts.Dir == "" {
		return s, nil
	}
	s.folder = &folder{dir: opts.Dir, id: s.self.ID, sys: opts.sys, log: opts.Log, passed: map[uint64]bool{}}
	err := s.folder.create()
	if err == nil {
		err = s.look()
	}
	if err == nil && s.State().Holder.ID == "" {
		err = s.take()
	}
	if err != nil {
		err = fmt.Errorf("cannot use the state folder %s: %w", opts.Dir, bundle.BareError(err))
		if there, _ := s.folder.numbers(); len(there) > 0 {
			err = fmt.Errorf("%w: %w", err, ErrDecided)
		}
		return nil, err
	}
	return s, nil
}

// State is the newest generation that is known, never nil. Nobody may change it.
func (s *Store) State() *State { return s.known.Load().state }

// Holds tells whether this store may publish, as far as it knows.
func (s *Store) Holds() bool { return s.State().Holder.ID == s.self.ID }

// Changed is closed when State is a newer one than at the call.
func (s *Store) Changed() <-chan struct{} { return s.known.Load().changed }

// Behind tells whether the folder cannot be read, or has a newer generation that cannot be used.
func (s *Store) Behind() bool { return s.behind.Load() }

// History returns so many lines at most, or all if most is 0, of one model, or of all if it is empty, from new to old.
func (s *Store) History(model string, most int) ([]Entry, error) {
	s.working <- struct{}{}
	pending := slices.Clone(s.history.pending)
	<-s.working
	lines, err := s.history.read()
	if err != nil {
		return nil, fmt.Errorf("cannot read the history in the state folder: %w", bundle.BareError(err))
	}
	lines = slices.DeleteFunc(merge(lines, pending), func(e Entry) bool { return model != "" && e.Model != model })
	slices.Reverse(lines)
	if most > 0 && len(lines) > most {
		lines = lines[:most:most]
	}
	return lines, nil
}

// adopt makes a generation the state.
func (s *Store) adopt(state *State) {
	old := s.known.Swap(&known{state, make(chan struct{})})
	close(old.changed)
}

// look reads a newer generation, if there is one. It needs the token.
func (s *Store) look() error {
	before := s.State()
	found, highest, err := s.folder.newest(before.Generation)
	s.highest = max(s.highest, highest)
	if found != nil {
		s.adopt(found.state)
		if before.Holder.ID == s.self.ID && !s.Holds() {
			s.opts.Log.Warn("another gateway has taken the lease of the roles", zap.String("admin", found.state.Holder.Admin), zap.Uint64("generation", found.state.Generation))
		}
	}
	behind := err != nil || highest != s.State().Generation
	if s.behind.Swap(behind) != behind {
		if behind {
			s.opts.Log.Warn("the roles in the state folder cannot be followed", zap.String("folder", s.opts.Dir), zap.Uint64("newest", highest), zap.Uint64("known", s.State().Generation), zap.Error(err))
		} else {
			s.opts.Log.Info("the roles in the state folder can be followed again", zap.Uint64("generation", highest))
		}
	}
	return err
}

// readKeys forgets the keys whose lines are gone.
func (s *Store) readKeys() {
	lines, err := s.history.read()
	if err != nil {
		return // the keys so far are right, only more than need be
	}
	clear(s.keys)
	for _, e := range merge(lines, s.history.pending) {
		if e.Key != "" {
			s.keys[e.Key] = e.purpose()
		}
	}
}

// Close gives the lease up, so that another gateway takes it at once. The state can still be read.
func (s *Store) Close() (err error) {
	s.closing.Do(func() {
		s.working <- struct{}{}
		defer func() { <-s.working }()
		s.closed = true
		if s.folder == nil || !s.Holds() {
			return
		}
		if err = s.look(); err != nil || !s.Holds() {
			return
		}
		_, err = s.publish(Entry{Who: s.who(), Action: ActionGive}, Holder{}, s.State().Clone())
		if errors.Is(err, errTaken) {
			err = nil
		}
	})
	return err
}
