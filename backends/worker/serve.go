package worker

import (
	"sluice/internal/clock"
	"sluice/internal/tensor"
)

// Descriptor is the child's descriptor of its socket.
const Descriptor = 3

// Memory gives the memory of a fixed input's or output's rows in a lane, for the largest
// batch; nil for one that is not fixed. It is shared with the gateway and stays until the
// session has been closed.
type Memory func(lane int, output bool, index int) []byte

// Host opens models in the child.
type Host interface {
	// Open loads a model whose batches lie in the given memory.
	Open(spec Spec, memory Memory) (Hosted, error)
}

// Hosted is a model in the child. Calls with different lanes may overlap unless the device is
// serial.
type Hosted interface {
	// RunGathered runs rows that are gathered already: one tensor per input, filled up to the
	// fixed batch and padded. The data of a fixed input is the memory of Open. wanted is a bit
	// per output. limit is clock.Never: the gateway ends a process that is late.
	RunGathered(lane, rows int, inputs []tensor.Tensor, wanted uint64, limit clock.Instant) error
	// Output returns an output of the lane's last run, in the protocol's form. inPlace says
	// that its data lies in the memory of Open already.
	Output(lane, k int) (t tensor.Tensor, inPlace bool, err error)
	// RunRaw runs a batch of that many rows on whatever the memory holds.
	RunRaw(lane, rows int) error
	// Close frees the model. No call to it is running.
	Close() error
}
