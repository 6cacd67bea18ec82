package provider

import (
	"sync"
	"sync/atomic"

	"sluice/internal/device"
)

// Place is what a session's device asks of the calls into ONNX Runtime.
type Place struct {
	Kind device.Kind

	// exclusive: no two calls at once, in the whole process.
	exclusive bool
	// foreign: the first calls load libraries that replace signal handlers.
	foreign bool
	ran     atomic.Bool // the first run is over, and with it what is loaded late
}

// Two WebGPU sessions that run, open or close at once crash ONNX Runtime or fail. Who
// holds this lock may hold the one around opening, taken before it.
var webgpu sync.Mutex

// Init makes it the place of a kind of device.
func (p *Place) Init(kind device.Kind) {
	p.Kind, p.exclusive, p.foreign = kind, kind == device.WebGPU, nvidia(kind)
}

// Do opens or closes a session.
func (p *Place) Do(f func() error) error {
	p.Enter()
	defer p.Leave()
	if !p.foreign {
		return f()
	}
	_, err := keepSignals(f)
	return err
}

// Run makes a run of the session's, between Enter and Leave.
func (p *Place) Run(f func() error) error {
	if !p.foreign || p.ran.Load() {
		return f()
	}
	_, err := keepSignals(f)
	p.ran.Store(true)
	return err
}

// Enter goes before a run.
func (p *Place) Enter() {
	if p.exclusive {
		webgpu.Lock()
	}
}

// Leave goes behind a run.
func (p *Place) Leave() {
	if p.exclusive {
		webgpu.Unlock()
	}
}
