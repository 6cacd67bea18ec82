package admin

import (
	"net/http"

	"sluice/internal/fault"
)

// features tells of feature stores. Keys may name persons: so they are here, for tokens, and no labels of metrics.
func (p *Port) features(w http.ResponseWriter, _ *http.Request) error {
	if p.opt.Features == nil {
		return fault.New(fault.NotFound, "Not Found")
	}
	return answer(w, p.opt.Features())
}
