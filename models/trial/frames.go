package trial

import (
	"encoding/binary"
	"fmt"
	"io"

	"sluice/models/bundle"
)

// What a trial process says is a sequence of frames: a letter for what it is, four bytes for how
// long, and a text. They have a descriptor of their own, since libraries write to standard output.
const (
	frameDescribed = 'd' // a description, before the library is touched
	frameWrong     = 'w' // a sentence on what is wrong with the files, or with the model's runs
	frameLoaded    = 'l' // the library has loaded the file
	frameObserved  = 'o' // an Observation
	frameWeighed   = 'm' // a Weighing; any number of them may follow an Observation
	frameRefused   = 'r' // the library's words on why it does not load the file
)

// frameLimits are the most bytes of each kind.
var frameLimits = map[byte]uint32{
	frameDescribed: bundle.MaxDescriptionBytes, frameWrong: 16 << 10, frameLoaded: 0, frameObserved: maxObservationBytes, frameWeighed: 2 * maxTrialOutput, frameRefused: maxTrialOutput,
}

func writeFrame(w io.Writer, kind byte, text []byte) error {
	text = text[:min(len(text), int(frameLimits[kind]))]
	frame := binary.LittleEndian.AppendUint32([]byte{kind}, uint32(len(text))) //nolint:gosec // it is at most the limit
	_, err := w.Write(append(frame, text...))
	return err
}

// readFrame reads one frame. It allocates what comes, and not what is announced.
func readFrame(r io.Reader) (kind byte, text []byte, err error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	size := binary.LittleEndian.Uint32(head[1:])
	limit, known := frameLimits[head[0]]
	if !known || size > limit {
		return 0, nil, fmt.Errorf("it begins with %q", head)
	}
	text, err = io.ReadAll(io.LimitReader(r, int64(size)))
	if err == nil && len(text) < int(size) {
		err = io.ErrUnexpectedEOF
	}
	return head[0], text, err
}
