package gates

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"sluice/internal/agree"
	"sluice/internal/cost"
	"sluice/internal/tensor"
	"sluice/models/bundle"
)

// Outcome is how a gate ended.
type Outcome string

// The outcomes. Only Refused keeps a version from serving.
const (
	Passed  Outcome = "passed"
	Changed Outcome = "changed" // passed after the version was restricted; the text says how
	Skipped Outcome = "skipped" // nothing to check; the text says why
	Refused Outcome = "refused"
)

// Verdict is what one gate found.
type Verdict struct {
	Gate    string  `json:"gate"`
	Outcome Outcome `json:"outcome"`
	// Text is a sentence with figures. It may be shown to clients.
	Text string `json:"text"`
	// Detail is a library's own message; it is for the operator alone.
	Detail string        `json:"detail,omitempty"`
	Took   time.Duration `json:"took_ns"`
}

// DeviceState is how a device stands to a version.
type DeviceState string

// The states.
const (
	Placed  DeviceState = "placed"   // it serves the version
	Down    DeviceState = "down"     // it cannot be had now; see Registry.Attach
	LeftOut DeviceState = "left_out" // the model failed a gate there
)

// DeviceReport is what the load gates found out about a version on one device.
type DeviceReport struct {
	Device string      `json:"device"`
	State  DeviceState `json:"state"`
	// Reason says why the device does not serve the version.
	Reason string    `json:"reason,omitempty"`
	Gates  []Verdict `json:"gates,omitempty"`
	// Curve, Target and Sizes are as those of a Placement.
	Curve  cost.Curve `json:"curve,omitempty"`
	Target int        `json:"target,omitempty"`
	Sizes  []int      `json:"sizes,omitempty"`
	// Cold is what the session's first run of each size took.
	Cold cost.Curve `json:"cold,omitempty"`
	// Measured says that Curve is what runs took, and not a guess.
	Measured bool `json:"measured,omitempty"`
	// Lanes is how many batches may run there at once.
	Lanes int `json:"lanes,omitempty"`
	// Memory is about the host memory that a process of its own took for the session, with each
	// lane's largest batch; 0 if nobody measured it.
	Memory int64 `json:"memory_bytes,omitempty"`
	// DeviceMemory is about what it took of a GPU's memory, its context included; 0 if the driver
	// does not tell.
	DeviceMemory int64 `json:"device_memory_bytes,omitempty"`
	// Nodes are the nodes of the graph by what runs them; empty if nobody asked.
	Nodes []NodesReport `json:"nodes,omitempty"`
}

// NodesReport is the nodes that one of ONNX Runtime's execution providers runs.
type NodesReport struct {
	Provider  string         `json:"provider"`
	Count     int            `json:"count"`
	Operators map[string]int `json:"operators"`
}

// GoldenReport counts golden requests, and the rows in them.
type GoldenReport struct {
	Requests int `json:"requests"`
	Rows     int `json:"rows"`
}

// TensorReport is an input or an output.
type TensorReport struct {
	Name     string  `json:"name"`
	Datatype string  `json:"datatype"`
	Shape    []int64 `json:"shape"`
	// Optional may be left out, Once is given or got once for all rows of a request.
	Optional bool `json:"optional,omitempty"`
	Once     bool `json:"once,omitempty"`
}

// ParityFailed tells whether the device was left out because its answers differ.
func (d *DeviceReport) ParityFailed() bool {
	n := len(d.Gates)
	return d.State == LeftOut && n > 0 && d.Gates[n-1].Gate == "parity"
}

// Report is what the load gates found out about a version.
type Report struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Digest  string `json:"digest,omitempty"`
	// Pinned is set if model.yaml has the digests of the files.
	Pinned bool   `json:"pinned,omitempty"`
	Schema string `json:"schema,omitempty"`
	// Inputs are those that a request may give, Outputs those that it gets. Axis 0 is the rows if
	// MaxBatch is not 0.
	Inputs  []TensorReport `json:"inputs,omitempty"`
	Outputs []TensorReport `json:"outputs,omitempty"`
	// MaxRows is the most rows of one request, 0 for a model that is served unbatched.
	MaxRows int `json:"max_rows,omitempty"`
	// MaxLength bounds the free axes besides the batch, each and, unless MaxProduct is 0, multiplied.
	MaxLength  []bundle.LengthReport `json:"max_length,omitempty"`
	MaxProduct int64                 `json:"max_length_product,omitempty"`
	// RowMemory is about what the longest row takes in a run, RunMemory what one run may take; 0 if
	// nobody measured it.
	RowMemory int64 `json:"row_memory_bytes,omitempty"`
	RunMemory int64 `json:"run_memory_bytes,omitempty"`
	// Tolerance is how far two answers for one row may be from each other.
	Tolerance *agree.Tolerance `json:"tolerance,omitempty"`
	// Gates are those of the bundle and of the preferred device that serves it; the verdict
	// on parity is about all devices.
	Gates []Verdict `json:"gates"`
	// Devices are those that the model may use, in order of preference.
	Devices []DeviceReport `json:"devices,omitempty"`
	// Batching is how rows share runs.
	Batching bundle.Batching `json:"batching"`
	// Remembered says what live answers refuted before, so that it was left off from the start.
	Remembered string `json:"remembered,omitempty"`
	// Traps are operators that can end the process for some values of a request. Isolated is set if the
	// version's session on the CPU is in a process of its own because of them.
	Traps    []string `json:"traps,omitempty"`
	Isolated bool     `json:"isolated,omitempty"`
	// Asked is set if the settings name the devices or the fallback.
	Asked bool `json:"asked,omitempty"`
	// FallbackOff says why requests may not run on some fallback device; empty if they may
	// run on all that are placed.
	FallbackOff string `json:"fallback_off,omitempty"`
	// Slower says that the preferred device is slower than the CPU, which serves as well; empty if it is not.
	Slower string `json:"slower_than_cpu,omitempty"`
	// Curve is the measured cost of a batch by rows on the preferred device; empty if no row
	// is known that the model accepts.
	Curve cost.Curve `json:"curve,omitempty"`
	// MaxBatch is the most rows of one run, 0 for a model that is served unbatched.
	MaxBatch int `json:"max_batch"`
	// Target is the batch size of highest throughput within half the budget.
	Target int `json:"target,omitempty"`
	BudgetReport
	// Short is set if it was refused for want of memory.
	Short bool `json:"-"`
	// Golden is what the bundle has of golden rows; nil if it has none, or no gate has read them.
	Golden *GoldenReport `json:"golden,omitempty"`
	// Bundle is what went through the gates, and Composition what its model file consists of, for those who compare
	// versions. Of a refused bundle they are as far as the gates came. They do not change.
	Bundle      *bundle.Bundle      `json:"-"`
	Composition *bundle.Composition `json:"-"`
	// NotLoaded says why a server would not load a version that passes; NoteKept sets it.
	NotLoaded string        `json:"not_loaded,omitempty"`
	Took      time.Duration `json:"took_ns"`
}

// Faults says in sentences what keeps the version from being served as its settings ask: a
// refusal, or a device that they name and that does not serve it.
func (r *Report) Faults() []string {
	if v := r.Refusal(); v != nil {
		return []string{v.Gate + ": " + v.Text}
	}
	var faults []string
	for i := range r.Devices {
		switch d := &r.Devices[i]; {
		case !r.Asked || d.State == Placed:
		case d.ParityFailed():
			faults = append(faults, fmt.Sprintf("fallback to %s is asked for and would change answers: %s; take it out of devices, set fallback: never, or widen the tolerance", d.Device, d.Gates[len(d.Gates)-1].Text))
		default:
			faults = append(faults, fmt.Sprintf("device %s is asked for and does not serve it: %s", d.Device, d.Reason))
		}
	}
	return faults
}

// Gate finds a verdict, or nil.
func (r *Report) Gate(name string) *Verdict {
	for i := range r.Gates {
		if r.Gates[i].Gate == name {
			return &r.Gates[i]
		}
	}
	return nil
}

// NoteParity sets FallbackOff from the devices.
func (r *Report) NoteParity() {
	var texts []string
	for i := range r.Devices {
		if r.Devices[i].ParityFailed() {
			texts = append(texts, r.Devices[i].Gates[len(r.Devices[i].Gates)-1].Text)
		}
	}
	r.FallbackOff = strings.Join(texts, "; ")
}

// Refusal returns the verdict that keeps the version from serving, or nil.
func (r *Report) Refusal() *Verdict {
	for i := range r.Gates {
		if r.Gates[i].Outcome == Refused {
			return &r.Gates[i]
		}
	}
	return nil
}

// WriteJSON prints the report as one JSON object on a line.
func (r *Report) WriteJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(r)
}

// describe fills in what the schema says.
func (r *Report) describe(s *tensor.Schema) {
	r.Schema, r.MaxBatch, r.MaxRows = bundle.Describe(s), s.MaxBatch, s.MaxRows
	list := func(specs []tensor.Spec, optional bool) (all []TensorReport) {
		for i := range specs {
			all = append(all, TensorReport{Name: specs[i].Name, Datatype: specs[i].Type.String(), Shape: specs[i].Shape, Optional: optional, Once: specs[i].Once})
		}
		return all
	}
	r.Inputs = append(list(s.Inputs, false), list(s.Optional, true)...)
	r.Outputs = list(s.Outputs, false)
}
