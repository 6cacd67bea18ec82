package onnx

import (
	"sync"
	"sync/atomic"

	"sluice/internal/device"
)

// place is what a session's device asks of the calls into ONNX Runtime.
type place struct {
	kind device.Kind
	// exclusive: no two calls at once, in the whole process.
	exclusive bool
	// foreign: the first calls load libraries that replace signal handlers.
	foreign bool
	ran     atomic.Bool // the first run is over, and with it what is loaded late
}

// Two WebGPU sessions that run, open or close at once crash ONNX Runtime or fail. Who
// holds this lock may hold `opening`, taken before it.
var webgpu sync.Mutex

func (p *place) init(o *Provider) {
	p.kind = o.Device.Kind
	p.exclusive, p.foreign = p.kind == device.WebGPU, p.kind == device.CUDA || p.kind == device.TensorRT
}

// do opens or closes a session.
func (p *place) do(f func() error) error {
	p.enter()
	defer p.leave()
	if !p.foreign {
		return f()
	}
	_, err := keepSignals(f)
	return err
}

func (p *place) enter() {
	if p.exclusive {
		webgpu.Lock()
	}
}

func (p *place) leave() {
	if p.exclusive {
		webgpu.Unlock()
	}
}
