package onnx

import (
	"errors"
	"fmt"
)

// Trial opens a model, runs it once on zeros (empty strings; free axes at 1 or their
// first padding bucket) and closes it. An operator that refuses zeros does not count:
// the model was loaded and ran.
//
// A file can crash ONNX Runtime, which ends the process by a signal and cannot be
// caught. So this is for a child process whose end the parent watches: an error is a
// refusal in good order, a signal is a crash, and both keep the file from being served.
func Trial(path string, o Options) error {
	o.Lanes = 1
	s, err := Open(path, o)
	if err != nil {
		return err
	}
	err = s.RunRaw(0, 1)
	if rejected(err) {
		err = nil
	}
	if err != nil {
		err = fmt.Errorf("cannot run model: %w", err)
	}
	return errors.Join(err, s.Close())
}
