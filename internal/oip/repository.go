package oip

import (
	"sluice/internal/fault"
	"sluice/internal/jsonscan"
	"sluice/internal/oip/target"
	"sluice/internal/oip/wire"
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
	err = readControl(body, func(s *wire.Scanner, key []byte) error {
		if string(key) != "ready" {
			return s.Skip()
		}
		s.Peek()
		var ok bool
		if readyOnly, ok = s.Bool(); !ok {
			return s.Refuse(fault.InvalidParameter, "Invalid value for 'ready': expected a boolean")
		}
		return nil
	})
	return readyOnly, err
}

// ParseLoadRequest reads the body of a load or unload request: empty, or an object.
// Parameters that would bring a model's files or configuration are refused: models
// come from the repository's directory only.
func ParseLoadRequest(body []byte) error {
	return readControl(body, func(s *wire.Scanner, key []byte) error {
		if string(key) != "parameters" || s.Peek() != '{' {
			return s.Skip()
		}
		o := s.Object(nil)
		for o.Next() {
			if string(o.Key) == "config" || jsonscan.Begins(o.Key, "file:") {
				return fault.Newf(fault.Unsupported, "parameter '%s' is not supported: models and their configuration come from the model directory", fault.Shown(o.Key))
			}
			o.Err = s.Skip()
		}
		return o.Err
	})
}

// readControl reads a body that is empty or one object, off the hot path.
func readControl(body []byte, field func(s *wire.Scanner, key []byte) error) error {
	var s wire.Scanner
	s.Begin(wire.Request, body, target.DefaultLimits().MaxDepth)
	switch s.Peek() {
	case 0:
		return s.End()
	case '{':
	default:
		return s.NoObject()
	}
	o := s.Object(nil)
	for o.Next() {
		o.Err = field(&s, o.Key)
	}
	if o.Err != nil {
		return o.Err
	}
	return s.End()
}
