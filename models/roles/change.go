package roles

import (
	"errors"
	"fmt"

	"go.uber.org/zap"

	"sluice/models/bundle"
)

// maxTries is how often a change is tried again over files that are no generations of ours.
const maxTries = 3

// Change publishes the next generation: change is given a copy of the state, whose Models it may change as it likes, and the
// entry, its line of the history, which it may complete. It must not call the store. Who has sent the same key before gets the state as it is. The
// package says which errors there are.
func (s *Store) Change(e Entry, change func(*State, *Entry) error) (st *State, repeated bool, err error) {
	s.working <- struct{}{}
	defer func() { <-s.working }()
	if s.closed {
		return s.State(), false, ErrClosed
	}
	for range maxTries {
		if err := s.ready(); err != nil {
			return s.State(), false, err
		}
		if purpose, used := s.keys[e.Key]; used && purpose == e.purpose() {
			return s.State(), true, nil
		} else if used {
			return s.State(), false, &KeyError{e.Key, purpose}
		}
		next, about := s.State().Clone(), e
		if err := change(next, &about); err != nil {
			return s.State(), false, err
		}
		if st, err = s.publish(about, s.self, next); !errors.Is(err, errTaken) {
			break
		}
	}
	return st, false, s.named(err)
}

// ready makes sure that this store may publish, and that what it published before is safe.
func (s *Store) ready() error {
	if s.folder == nil {
		return nil
	}
	if err := s.look(); err != nil {
		return s.named(err)
	}
	if !s.Holds() {
		return &NotHolderError{s.State().Holder}
	}
	if err := s.settle(); err != nil && (s.unsynced || s.unmended || s.history.full()) {
		return s.named(err)
	}
	return nil
}

// settle makes up for what failed after a generation was published.
func (s *Store) settle() error {
	if s.unsynced {
		if err := s.folder.sys.syncDir(s.folder.generations()); err != nil {
			return err
		}
		s.unsynced = false
	}
	if s.unmended {
		if err := s.history.mend(s.folder); err != nil {
			return err
		}
		s.readKeys()
		s.unmended = false
	}
	return s.history.flush()
}

func (s *Store) named(err error) error {
	if err == nil || s.folder == nil {
		return err
	}
	var unsynced *unsyncedError
	if !errors.As(err, &unsynced) { // its cause is bare already
		err = bundle.BareError(err)
	}
	return fmt.Errorf("cannot change the roles in the state folder %s: %w", s.opts.Dir, err)
}

// publish makes next the newest generation. Its number follows the highest that the last look saw, so that what was published since
// makes it fail. It needs the token.
func (s *Store) publish(e Entry, holder Holder, next *State) (*State, error) {
	e, err := e.prepare()
	if err != nil {
		return s.State(), err
	}
	for name, m := range next.Models {
		m.Plan = m.Plan.prepared()
		next.Models[name] = m
	}
	next.Generation, next.Holder = max(s.State().Generation, s.highest)+1, holder
	e.Generation = next.Generation
	g := generation{next, e}
	next.Schema = g.schema()
	text, err := encode(g)
	if err == nil && s.folder != nil {
		err = s.folder.publish(e.Generation, text)
	}
	var unsynced *unsyncedError
	if err != nil && !errors.As(err, &unsynced) {
		return s.State(), err
	}
	s.unsynced = err != nil
	if e.Key != "" {
		s.keys[e.Key] = e.purpose()
	}
	s.highest = e.Generation
	s.adopt(next.Clone()) // change may have kept next
	s.behind.Store(false)
	s.record(e, text)
	return s.State(), err
}

// record does what follows a generation. None of it can undo the generation, and all of it is tried again.
func (s *Store) record(e Entry, text []byte) {
	if err := s.history.add(e); err != nil {
		s.opts.Log.Warn("a line of the history waits: it cannot be written", zap.String("folder", s.opts.Dir), zap.Uint64("generation", e.Generation), zap.Error(err))
	}
	if s.folder == nil {
		return
	}
	if err := errors.Join(s.folder.copyOut(text), s.folder.prune(e.Generation)); err != nil {
		s.opts.Log.Warn("the roles are published, and their folder cannot be tidied", zap.String("folder", s.opts.Dir), zap.Error(err))
	}
}
