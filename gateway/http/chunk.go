package httpfront

import "sluice/internal/fault"

// chunker follows a chunked body to its end and hands on its data. It refuses what a proxy in front
// might read differently (line ends, sizes, trailers) and bounds what one client can make it do.
type chunker struct {
	into interface {
		store(data []byte) *fault.Error
	}
	state   chunkState
	size    int64 // of the chunk being read, or what is left of it
	digits  int
	ext     int // bytes of the chunk's extension
	chunks  int64
	total   int64
	maximum int64 // body bytes
}

type chunkState uint8

const (
	chunkSize  chunkState = iota // in the hexadecimal size
	chunkExt                     // in an extension, which is ignored
	chunkSizeL                   // LF after the size
	chunkData
	chunkDataR // CR after the data
	chunkDataL // LF after the data
	chunkEndR  // CR after the last chunk; trailers are refused
	chunkEndL
	chunkDone
)

const (
	maxChunkDigits = 8
	maxChunkExt    = 64
	// freeChunks may be of any size. Beyond them chunks must have chunkMean bytes on
	// average, so that a body costs its bytes and not its chunks.
	freeChunks = 4096
	chunkMean  = 1024
)

// advance reads on through p and returns how many bytes belong to the body.
func (c *chunker) advance(p []byte) (int, *fault.Error) {
	for i := 0; i < len(p); {
		if c.state == chunkData {
			n := min(int64(len(p)-i), c.size)
			if f := c.into.store(p[i : i+int(n)]); f != nil {
				return i, f
			}
			i += int(n)
			if c.size -= n; c.size == 0 {
				c.state = chunkDataR
			}
			continue
		}
		if f := c.step(p[i]); f != nil {
			return i, f
		}
		i++
		if c.state == chunkDone {
			return i, nil
		}
	}
	return len(p), nil
}

// step reads one byte of the framing.
func (c *chunker) step(b byte) *fault.Error {
	switch c.state {
	case chunkSize:
		return c.sizeByte(b)
	case chunkExt:
		if b == '\r' {
			c.state = chunkSizeL
			return nil
		}
		if c.ext++; c.ext > maxChunkExt || b < ' ' || b == 0x7f {
			return fault.New(fault.BadChunk, "a chunk has a malformed or too long extension")
		}
		return nil
	case chunkSizeL:
		if b != '\n' {
			return badChunk()
		}
		return c.open()
	case chunkDataR:
		return c.expect(b, '\r', chunkDataL)
	case chunkDataL:
		c.digits, c.ext = 0, 0
		return c.expect(b, '\n', chunkSize)
	case chunkEndR:
		if b != '\r' {
			return fault.New(fault.BadChunk, "trailers after a chunked body are not accepted")
		}
		c.state = chunkEndL
		return nil
	default: // chunkEndL
		return c.expect(b, '\n', chunkDone)
	}
}

func (c *chunker) sizeByte(b byte) *fault.Error {
	digit := int64(0)
	switch {
	case isDigit(b):
		digit = int64(b - '0')
	case 'a' <= b|0x20 && b|0x20 <= 'f':
		digit = int64(b|0x20-'a') + 10
	case b == '\r' && c.digits > 0:
		c.state = chunkSizeL
		return nil
	case b == ';' && c.digits > 0:
		c.state = chunkExt
		return nil
	default:
		return badChunk()
	}
	if c.digits++; c.digits > maxChunkDigits {
		return fault.New(fault.BadChunk, "a chunk's size has too many digits")
	}
	c.size = c.size<<4 | digit
	return nil
}

// open starts the data of the chunk whose size line has ended.
func (c *chunker) open() *fault.Error {
	if c.size == 0 {
		c.state = chunkEndR
		return nil
	}
	c.chunks++
	c.total += c.size
	if c.total > c.maximum {
		return bodyTooLarge(c.maximum)
	}
	if c.chunks > freeChunks+c.total/chunkMean {
		return fault.Newf(fault.TooManyChunks, "the body comes in more than %d chunks of less than %d bytes", freeChunks, chunkMean)
	}
	c.state = chunkData
	return nil
}

func (c *chunker) expect(b, want byte, next chunkState) *fault.Error {
	if b != want {
		return badChunk()
	}
	c.state = next
	return nil
}

func badChunk() *fault.Error {
	return fault.New(fault.BadChunk, "the chunked body is malformed")
}
