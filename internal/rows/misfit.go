package rows

import (
	"errors"
	"strconv"
	"strings"

	"sluice/internal/fault"
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
		"the model gave output '"+p.Spec.Name+"' in the shape "+ShapeText(shape)+" for a batch of "+strconv.Itoa(filled)+unit)
}

// misfit is the fault of an output whose rows cannot be handed out.
func (p *Port) misfit(err error) error {
	return fault.Newf(fault.InferenceFailed, "the model gave output '%s' in a form that does not fit: %v", p.Spec.Name, err)
}

// ShapeText writes a shape as a client does, such as [2,3].
func ShapeText(shape []int64) string {
	var b strings.Builder
	b.WriteByte('[')
	for i, d := range shape {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatInt(d, 10))
	}
	b.WriteByte(']')
	return b.String()
}
