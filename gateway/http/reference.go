package httpfront

import "sluice/internal/fault"

// FaultStatus is the HTTP status of a kind of fault, and whether its answer says with
// Retry-After when to come again; for documentation and tests.
func FaultStatus(kind fault.Kind) (code int, retry bool) {
	return status(kind), retryAfter(&fault.Error{Kind: kind}) > 0
}
