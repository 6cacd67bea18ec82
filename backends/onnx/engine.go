package onnx

/*
#include "call.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"

	ort "github.com/yalue/onnxruntime_go"

	"sluice/backends/onnx/provider"
)

// engine is a session of ONNX Runtime.
type engine struct {
	owner  *ort.DynamicAdvancedSession
	handle *C.OrtSession
}

// openEngines opens the model once, or for each batch size.
func (s *Session) openEngines(path string, o *Options) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	apart, err := o.Provider.Apart(data, s.layout.Sizes)
	if err != nil {
		return err
	}
	n := 1
	if apart || o.apart != nil {
		n = len(s.layout.Sizes)
	}
	return s.openEach(n, func() (engine, error) { return create(path, data, o, &s.place) })
}

// openEach opens n engines; Close closes those that an error leaves.
func (s *Session) openEach(n int, open func() (engine, error)) error {
	for i := range n {
		e, err := open()
		if e.owner != nil {
			s.engines = append(s.engines, e)
		}
		switch {
		case err != nil && i > 0:
			return fmt.Errorf("of %d sessions, one for each batch size, %d could be opened (cuda.session_per_size in the device's settings asks for them): %w", n, i, err)
		case err != nil:
			return err
		}
	}
	return nil
}

// create makes a C session: from bytes where it can, since the library's way by path leaks
// the path.
func create(path string, data []byte, o *Options, at *provider.Place) (e engine, err error) {
	opening.Lock()
	defer opening.Unlock()
	err = withLocales(func() error {
		return at.Do(func() (err error) {
			e.owner, err = createFrom(path, data, o)
			return err
		})
	})
	if err == nil {
		e.handle, err = sessionHandle(e.owner)
	}
	return e, err
}

// sessionHandle reads the C session that onnxruntime_go keeps to itself; see the
// package's comment for why.
func sessionHandle(owner *ort.DynamicAdvancedSession) (*C.OrtSession, error) {
	inner := reflect.ValueOf(owner).Elem().FieldByName("s")
	if inner.Kind() == reflect.Pointer && !inner.IsNil() {
		handle := inner.Elem().FieldByName("ortSession")
		if handle.Kind() == reflect.Pointer && !handle.IsNil() {
			return (*C.OrtSession)(handle.UnsafePointer()), nil
		}
	}
	return nil, errors.New("this version of onnxruntime_go keeps its session elsewhere")
}

// engineFor is the engine for batches that are filled up to one of the layout's sizes.
func (s *Session) engineFor(filled int) *C.OrtSession {
	if len(s.engines) == 1 {
		return s.engines[0].handle
	}
	i, _ := slices.BinarySearch(s.layout.Sizes, filled)
	return s.engines[i].handle
}

func (s *Session) closeEngines() (err error) {
	opening.Lock()
	defer opening.Unlock()
	for i := range s.engines {
		err = errors.Join(err, s.place.Do(s.engines[i].owner.Destroy))
	}
	s.engines = nil
	return err
}
