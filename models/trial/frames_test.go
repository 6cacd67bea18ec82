package trial

import (
	"bytes"
	"testing"
)

// FuzzReadFrame looks for panics, and for more than what was sent.
func FuzzReadFrame(f *testing.F) {
	f.Add([]byte{frameDescribed, 2, 0, 0, 0, '{', '}'})
	f.Add([]byte{frameLoaded, 0, 0, 0, 0})
	f.Add([]byte{frameObserved, 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, sent []byte) {
		kind, text, err := readFrame(bytes.NewReader(sent))
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := writeFrame(&again, kind, text); err != nil || !bytes.HasPrefix(sent, again.Bytes()) {
			t.Errorf("%q was read as %q %q", sent, kind, text)
		}
	})
}
