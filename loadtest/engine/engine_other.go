//go:build !linux

package engine

import (
	"context"
	"errors"

	"sluice/loadtest/sample"
)

// Engine is made of Linux's epoll; elsewhere there is none.
type Engine struct{}

var errLinux = errors.New("load tests need Linux: the generator is made of its epoll")

func New(Options) (*Engine, error)                             { return nil, errLinux }
func (*Engine) Run(context.Context) error                      { return errLinux }
func (*Engine) Progress() Progress                             { return Progress{} }
func (*Engine) EachEnded(from int, _ func(*sample.Sample)) int { return from }
func (*Engine) Thread() int                                    { return 0 }
func (*Engine) Samples() []sample.Sample                       { return nil }
func (*Engine) Devices() []string                              { return nil }
