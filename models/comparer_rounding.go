package models

import (
	"context"
	"math"

	"sluice/internal/agree"
	"sluice/internal/tensor"
	"sluice/models/gates"
)

// roundingRoom is how many times a difference may be larger than what one least change of the
// row's floats makes of its answer and still be taken for rounding: sums have many terms.
const roundingRoom = 8

// rounding tells whether a difference is what the order in which floats are added can make of
// it, as where large amounts cancel: an answer that changes about as much when each float of the
// row changes by its last bit. right is the row's answer alone on the device.
func (w *Comparer) rounding(ctx context.Context, place *gates.Placement, h *heldRow, right []tensor.Tensor, unpadded bool, found *agree.Contrast) bool {
	nudged := h.nudged()
	if nudged == nil {
		return false
	}
	t, err := w.try(ctx, place, nudged, unpadded)
	if err != nil {
		return false
	}
	defer t.Release()
	by := w.differences(t.Outputs, right)
	return by.Labels.Excess >= found.Labels.Excess && roundingRoom*by.Scores.Excess >= found.Scores.Excess
}

// nudged is the row with each float a little larger or smaller, by one unit in its last place or
// so; nil if it has none.
func (h *heldRow) nudged() *heldRow {
	other := *h
	other.inputs = nil
	floats := false
	for _, x := range h.inputs {
		if x.Type.Float() {
			floats = true
			x.Data = nudge(x)
		}
		other.inputs = append(other.inputs, x)
	}
	if !floats {
		return nil
	}
	return &other
}

func nudge(x tensor.Tensor) []byte {
	unit := map[tensor.DataType]int{tensor.FP64: -52, tensor.FP32: -23, tensor.FP16: -10, tensor.BF16: -7}[x.Type]
	data := make([]byte, 0, len(x.Data))
	for i := range len(x.Data) / x.Type.Size() {
		by := math.Ldexp(1, unit)
		if uint32(i)*2654435761>>31 == 0 { // no pattern that the model's own sums could undo
			by = -by
		}
		data = tensor.AppendFloat(data, x.Type, tensor.FloatAt(x.Type, x.Data, i)*(1+by))
	}
	return data
}

// elsewhere tells whether another device gives the row the answer that it got: the parts of a
// request of more rows than a batch may have run on different devices, of which the trace names
// one.
func (w *Comparer) elsewhere(ctx context.Context, plan *comparePlan, place *gates.Placement, h *heldRow, unpadded bool) bool {
	if !h.split {
		return false
	}
	for _, other := range plan.placements {
		if other == place {
			continue
		}
		if t, err := w.try(ctx, other, h, unpadded); err == nil {
			found := w.differences(h.outputs, t.Outputs)
			t.Release()
			if !found.Failed() {
				return true
			}
		}
	}
	return false
}
