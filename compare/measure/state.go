package measure

import (
	"bytes"
	"encoding/json"
)

// decode reads a state, which has no field that is not known.
func decode(data []byte, state any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	return d.Decode(state)
}
