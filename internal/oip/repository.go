package oip

import (
	"sluice/internal/fault"
)

// States of a version in the repository index.
const (
	StateReady       = "READY"
	StateUnavailable = "UNAVAILABLE"
	StateLoading     = "LOADING"
	StateUnloading   = "UNLOADING"
)

// IndexEntry is one version in the answer of the repository index, which is a bare
// array. A model that was never loaded has a name only.
type IndexEntry struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
	State   string `json:"state,omitempty"`
	Reason  string `json:"reason,omitempty"`
	// Unpinned is an addition to the protocol: the version's settings do not say what its files are.
	Unpinned bool `json:"unpinned,omitempty"`
}

// ParseIndexRequest reads the body of a repository index request: empty, or an object
// whose "ready" asks for ready versions only.
func ParseIndexRequest(body []byte) (readyOnly bool, err error) {
	err = readControl(body, func(s *scanner, key []byte) error {
		if string(key) != "ready" {
			return s.skip()
		}
		s.next()
		switch {
		case s.literal("true"):
			readyOnly = true
			return nil
		case s.literal("false"):
			return nil
		}
		return s.refuse(fault.InvalidParameter, "Invalid value for 'ready': expected a boolean")
	})
	return readyOnly, err
}

// ParseLoadRequest reads the body of a load or unload request: empty, or an object.
// Parameters that would bring a model's files or configuration are refused: models
// come from the repository's directory only.
func ParseLoadRequest(body []byte) error {
	return readControl(body, func(s *scanner, key []byte) error {
		if string(key) != "parameters" || s.next() != '{' {
			return s.skip()
		}
		return object(s, func(key []byte) error {
			if string(key) == "config" || begins(key, "file:") {
				return fault.Newf(fault.Unsupported, "parameter '%s' is not supported: models and their configuration come from the model directory", shown(key))
			}
			return s.skip()
		})
	})
}

// readControl reads a body that is empty or one object, off the hot path.
func readControl(body []byte, field func(s *scanner, key []byte) error) error {
	var s scanner
	s.start(body, DefaultLimits().MaxDepth)
	switch s.next() {
	case 0:
		return s.end()
	case '{':
	default:
		return noObject(&s)
	}
	if err := object(&s, func(key []byte) error { return field(&s, key) }); err != nil {
		return err
	}
	return s.end()
}

// object reads an object, whose bracket is next, key by key.
func object(s *scanner, field func(key []byte) error) error {
	if err := s.open(); err != nil {
		return err
	}
	mark := len(s.keys)
	for first := true; ; first = false {
		key, ok, err := s.member(first)
		if err != nil {
			return err
		}
		if !ok {
			return s.distinct(mark)
		}
		s.note(key)
		if err := field(key); err != nil {
			return err
		}
	}
}
