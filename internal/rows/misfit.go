package rows

import (
	"errors"
	"strconv"

	"sluice/internal/fault"
	"sluice/internal/tensor"
)

// ErrMisfit is the cause of a Misfit.
var ErrMisfit = errors.New("an output has not one row for each row of the batch")

// Misfit is the fault of an output that a run gave in a shape which is none of a batch of so
// many rows.
func (p *Port) Misfit(shape []int64, filled int) error {
	unit := " rows"
	if filled = p.TensorRows(filled); filled == 1 {
		unit = " row"
	}
	return fault.Wrap(fault.InferenceFailed, ErrMisfit,
		"the model gave output '"+p.Spec.Name+"' in the shape "+tensor.ShapeText(shape)+" for a batch of "+strconv.Itoa(filled)+unit)
}

// misfit is the fault of an output whose rows cannot be handed out.
func (p *Port) misfit(err error) error {
	return fault.Newf(fault.InferenceFailed, "the model gave output '%s' in a form that does not fit: %v", p.Spec.Name, err)
}
