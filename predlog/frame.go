package predlog

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"

	"sluice/predlog/table"
)

// A spool is magic, then frames: the length of a payload and its CRC32C, each in four bytes, little endian, and
// the payload.
const (
	magic       = "sluice spool 1\n"
	frameHeader = 8
	// maxFrame is the largest payload; no record may be larger.
	maxFrame = 256 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// seal fills in the header that was left free in front of a payload.
func seal(frame []byte) {
	binary.LittleEndian.PutUint32(frame, uint32(len(frame)-frameHeader))
	binary.LittleEndian.PutUint32(frame[4:], crc32.Checksum(frame[frameHeader:], castagnoli))
}

// wholeFrames counts the frames that are there whole.
func wholeFrames(frames []byte) (n int) {
	for len(frames) >= frameHeader {
		size := frameHeader + int(binary.LittleEndian.Uint32(frames))
		if size > len(frames) {
			break
		}
		frames = frames[size:]
		n++
	}
	return n
}

// Spool is what was read of a spool.
type Spool struct {
	Numbers Numbers
	// Records is how many records are whole. Torn is the bytes behind the last whole frame: what a process that
	// was killed, or a machine that lost its power, has left of one.
	Records, Torn int64
}

// ReadSpool calls visit with each record of a spool, in order, until it returns an error; a row is good until
// visit returns. Reading ends at the first frame that is not whole, which is no error.
func ReadSpool(path string, visit func(*table.Row) error) (Spool, error) {
	f, err := os.Open(path)
	if err != nil {
		return Spool{}, err
	}
	defer f.Close()
	about, err := f.Stat()
	if err != nil {
		return Spool{}, err
	}
	s, err := readSpool(f, about.Size(), visit)
	if err != nil {
		return s, fmt.Errorf("cannot read the spool %s: %w", path, err)
	}
	return s, nil
}

// errVisit wraps what visit has returned, to tell it from a payload that is wrong.
type errVisit struct{ error }

func readSpool(f io.Reader, size int64, visit func(*table.Row) error) (s Spool, err error) {
	in, payload, row := bufio.NewReaderSize(f, 256<<10), []byte(nil), table.Row{}
	begin := make([]byte, len(magic))
	if _, err := io.ReadFull(in, begin); err != nil && !ended(err) {
		return s, err
	} else if err != nil || string(begin) != magic {
		s.Torn = size
		return s, nil
	}
	for whole := int64(len(magic)); ; whole += frameHeader + int64(len(payload)) {
		s.Torn = size - whole
		switch payload, err = nextFrame(in, payload, size-whole); {
		case errors.Is(err, errTorn):
			return s, nil
		case err != nil:
			return s, err
		}
		var stop errVisit
		switch err := s.take(payload, &row, visit); {
		case errors.As(err, &stop):
			return s, stop.error
		case err != nil: // it is whole, and of a writer that this program does not know
			return s, err
		}
	}
}

// errTorn says that no whole frame follows.
var errTorn = errors.New("the frame is torn")

func ended(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }

// nextFrame reads a payload into memory that it may grow; left is how many bytes the spool still has.
func nextFrame(in io.Reader, into []byte, left int64) ([]byte, error) {
	var header [frameHeader]byte
	if _, err := io.ReadFull(in, header[:]); ended(err) {
		return into, errTorn
	} else if err != nil {
		return into, err
	}
	n := int64(binary.LittleEndian.Uint32(header[:]))
	if n == 0 || n > maxFrame || n > left-frameHeader {
		return into, errTorn
	}
	if int64(cap(into)) < n {
		into = make([]byte, n)
	}
	into = into[:n]
	if _, err := io.ReadFull(in, into); ended(err) {
		return into, errTorn
	} else if err != nil {
		return into, err
	}
	if crc32.Checksum(into, castagnoli) != binary.LittleEndian.Uint32(header[4:]) {
		return into, errTorn
	}
	return into, nil
}

// take reads one payload.
func (s *Spool) take(payload []byte, row *table.Row, visit func(*table.Row) error) (err error) {
	switch payload[0] {
	case recordFrame, olderFrame, oldestFrame:
		if err := decodeRecord(payload[0], payload[1:], row); err != nil {
			return fmt.Errorf("record %d: %w", s.Records+1, err)
		}
		s.Records++
		if err := visit(row); err != nil {
			return errVisit{err}
		}
	case numbersFrame:
		if s.Numbers, err = decodeNumbers(payload[1:]); err != nil {
			return fmt.Errorf("the numbers behind record %d: %w", s.Records, err)
		}
	default:
		return fmt.Errorf("a frame behind record %d begins with the byte %#x", s.Records, payload[0])
	}
	return nil
}
