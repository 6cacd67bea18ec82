package models

import "sluice/internal/agree"

// doubt remembers a row that differed in a label and had no clear scores: one such row shows
// nothing, two different ones do.
type doubt struct {
	raised bool
	print  uint64 // of the row
}

// settled tells whether a difference has to be acted on now. Where the graph proves the contrary
// one row is never enough: it may be rounding that is larger than the tolerance.
func (d *doubt) settled(c *agree.Contrast, h *heldRow, proven bool) bool {
	if c.Certain() && !proven {
		return true
	}
	print := h.print()
	if d.raised && d.print != print {
		return true
	}
	d.raised, d.print = true, print
	return false
}
