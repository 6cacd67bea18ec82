package httpfront

import (
	"net/http"
	"testing"
)

// Names that are set without normalising must be in fasthttp's form already.
func TestHeaderNamesAreCanonical(t *testing.T) {
	for _, name := range [][]byte{
		headerContentType, headerContentEncoding, headerAcceptEncoding,
		headerBinaryLength, headerServerTiming, headerDevice, headerBatch, headerModel, headerBatching, headerFeatures, headerBudget, headerNonfinite, headerExplain, headerUnit, headerRequestID,
	} {
		if want := http.CanonicalHeaderKey(string(name)); string(name) != want {
			t.Errorf("%s should be %s", name, want)
		}
	}
}
