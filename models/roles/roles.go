package roles

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Schema is the highest version of the format that this program reads. It writes the oldest one that has all of a state.
const Schema = schemaOthers

// The versions of the format.
const (
	schemaFirst  = 1
	schemaPlan   = 2 // with plans
	schemaOthers = 3 // with shadows that are versions of other models
)

// Ref names a version by its name and its content.
type Ref struct{ Version, Digest string }

func (r Ref) String() string { return r.Version + "@" + r.Digest }

// parseRef reads VERSION@DIGEST. The result is not checked yet.
func parseRef(text string) (Ref, error) {
	version, digest, ok := strings.Cut(text, "@")
	if !ok {
		return Ref{}, fmt.Errorf("%.100q must be VERSION@DIGEST", text)
	}
	return Ref{version, digest}, nil
}

// Named is a version of a model that is not told by where it stands.
type Named struct {
	Model string
	Ref
}

// Name is how people name it, MODEL:VERSION. Neither name has a colon in it.
func (n Named) Name() string { return n.Model + ":" + n.Version }

func (n Named) String() string { return n.Model + ":" + n.Ref.String() }

// parseNamed reads MODEL:VERSION@DIGEST. The result is not checked yet.
func parseNamed(text string) (Named, error) {
	model, rest, ok := strings.Cut(text, ":")
	if !ok {
		return Named{}, fmt.Errorf("%.200q must be MODEL:VERSION@DIGEST", text)
	}
	ref, err := parseRef(rest)
	return Named{model, ref}, err
}

// Canary is a version with its share of the units, above 0 and at most 1.
type Canary struct {
	Ref
	Share float64
}

// Model is what the versions of one model are for.
type Model struct {
	// Live takes what is asked of the model, and Previous did so before. Nil is none.
	Live, Previous *Ref
	Canary         *Canary
	Shadow         []Ref
	// Others are shadows that are versions of other models.
	Others []Named
	// Passed is the newest version that somebody left for an older one; empty if there is none. Versions up to it are not
	// taken because they are the newest.
	Passed string
	// Hold keeps Live whatever comes, but for an explicit promote.
	Hold bool
	// Rejected versions are never taken because they are the newest, until they are released.
	Rejected []Ref
	// Plan is the way of a version that is to become live by itself; nil if there is none.
	Plan *Plan
}

// Holder is who holds the lease. The zero value is nobody.
type Holder struct {
	// ID is a random text of a store's own.
	ID string
	// Admin is the holder's admin address, for people and for the command.
	Admin string
}

// State is one generation of all roles. It is not changed once it is published.
type State struct {
	Schema     int
	Generation uint64
	Holder     Holder
	Models     map[string]Model
}

// Clone is a copy that shares nothing with the state.
func (s *State) Clone() *State {
	c := *s
	c.Models = make(map[string]Model, len(s.Models))
	for name, m := range s.Models {
		c.Models[name] = m.clone()
	}
	return &c
}

func (m Model) clone() Model {
	m.Live, m.Previous, m.Canary, m.Plan = copied(m.Live), copied(m.Previous), copied(m.Canary), copied(m.Plan)
	m.Shadow, m.Others, m.Rejected = slices.Clone(m.Shadow), slices.Clone(m.Others), slices.Clone(m.Rejected)
	return m
}

func copied[T any](p *T) *T {
	if p == nil {
		return nil
	}
	c := *p
	return &c
}

// names are the models in order.
func (s *State) names() []string { return slices.Sorted(maps.Keys(s.Models)) }

// Entry is a line of the history: what one generation changed.
type Entry struct {
	Time       time.Time `json:"time"`
	Generation uint64    `json:"generation"`
	// Who asked for it: a name, or what the gateway calls itself.
	Who    string `json:"who"`
	Action string `json:"action"`
	// Model, Version and Digest are what it was about, From what stood there before; empty where there is none.
	Model   string  `json:"model,omitempty"`
	Version string  `json:"version,omitempty"`
	Digest  string  `json:"digest,omitempty"`
	From    string  `json:"from,omitempty"`
	Share   float64 `json:"share,omitempty"`
	Reason  string  `json:"reason,omitempty"`
	// Of is the model that Version is of where that is another one than Model; empty where it is the same.
	Of string `json:"of,omitempty"`
	// Key makes a request that is sent again known for what it is.
	Key string `json:"key,omitempty"`
}

// Name is how people name the version that the entry is about: its name, or MODEL:VERSION where it is of another model.
func (e *Entry) Name() string {
	if e.Of == "" {
		return e.Version
	}
	return Named{e.Of, Ref{Version: e.Version}}.Name()
}

// The actions of generations that move the lease. Their entries have no model.
const (
	ActionTake = "take lease"
	ActionGive = "give lease"
)

// NotHolderError says that another gateway has to be asked.
type NotHolderError struct{ Holder Holder }

func (e *NotHolderError) Error() string {
	if e.Holder.ID == "" {
		return "no gateway holds the lease of the state folder: try again in some seconds"
	}
	return fmt.Sprintf("another gateway holds the lease of the state folder: ask the one at %s", e.Holder.Admin)
}

// AdminAddress is where the change can be asked for; empty if nobody holds the lease.
func (e *NotHolderError) AdminAddress() string { return e.Holder.Admin }

// purpose is what a change is of, for its key.
func (e *Entry) purpose() string { return e.Action + " of " + e.Model }

// KeyError says that a change's key was used for another one.
type KeyError struct{ Key, Purpose string }

func (e *KeyError) Error() string {
	return fmt.Sprintf("the key %q was used for another change, %s: send a new one", e.Key, e.Purpose)
}

// ErrDecided marks the error of a folder that holds what was decided and cannot be used: without it other versions
// would serve than somebody wants.
var ErrDecided = errors.New("it holds which versions are to serve")

// ErrClosed is what Change fails with after Close.
var ErrClosed = errors.New("the roles are closed: the gateway stops")
