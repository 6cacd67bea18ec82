package report

import (
	"io"

	"sluice/batcher/plan"
)

// HTML is being written next.
func HTML(w io.Writer, a *plan.Answer) error { return nil }
