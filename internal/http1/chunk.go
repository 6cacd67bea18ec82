package http1

// Chunks follows a chunked body to its end and hands on its data.
//
// Of a request it refuses what a proxy in front might read differently (line ends, sizes, trailers)
// and bounds what one client can make it do. Of an answer, which the caller has asked for, it takes
// any extension and trailer.
type Chunks struct {
	// MaxBody is the most bytes of data; 0 if the caller bounds them.
	MaxBody int64
	// Answer says that it is an answer's body.
	Answer bool

	state  chunkState
	size   int64 // of the chunk being read, or what is left of it
	digits int
	line   int // bytes of the chunk's extension, or of a trailer
	chunks int64
	total  int64
}

type chunkState uint8

const (
	chunkSize  chunkState = iota // in the hexadecimal size
	chunkExt                     // in an extension, which is ignored
	chunkSizeL                   // LF after the size
	chunkData
	chunkDataR // CR after the data
	chunkDataL // LF after the data
	chunkEnd   // at the beginning of a line after the last chunk
	chunkTrail // in a trailer, which is ignored
	chunkEndL  // LF after them
	chunkDone
)

const (
	maxChunkDigits = 8
	maxExtension   = 64       // bytes, of a request's
	maxAnswerLine  = 16 << 10 // bytes of an answer's extension, or of its trailers
)

// FreeChunks of a request may be of any size. Beyond them chunks must have ChunkMean bytes on
// average, so that a body costs its bytes and not its chunks.
const FreeChunks = 4096

// ChunkMean is that average.
const ChunkMean = 1024

// Done reports whether the body has ended.
func (c *Chunks) Done() bool { return c.state == chunkDone }

// Next reads on through p, up to the end of the data that comes next. It returns these data, if any has
// come, and how many bytes of p it has used: all of them, unless there are data to be taken first or
// the body has ended.
func (c *Chunks) Next(p []byte) (data []byte, used int, why Fault) {
	for i, b := range p {
		if c.state == chunkData {
			n := min(int64(len(p)-i), c.size)
			if c.size -= n; c.size == 0 {
				c.state = chunkDataR
			}
			used = i + int(n)
			return p[i:used], used, None
		}
		if why = c.step(b); why != None || c.state == chunkDone {
			return nil, i + 1, why
		}
	}
	return nil, len(p), None
}

// step reads one byte of the framing.
func (c *Chunks) step(b byte) Fault {
	switch c.state {
	case chunkSize:
		return c.sizeByte(b)
	case chunkExt:
		if b == '\r' {
			c.state = chunkSizeL
			return None
		}
		return c.extension(b)
	case chunkSizeL:
		if b != '\n' {
			return BadChunk
		}
		return c.open()
	case chunkDataR:
		return c.expect(b, '\r', chunkDataL)
	case chunkDataL:
		c.digits, c.line = 0, 0
		return c.expect(b, '\n', chunkSize)
	case chunkEnd, chunkTrail:
		return c.trailer(b)
	default: // chunkEndL
		return c.expect(b, '\n', chunkDone)
	}
}

// extension reads a byte between a chunk's size and its line's end.
func (c *Chunks) extension(b byte) Fault {
	c.line++
	if c.Answer && c.line <= maxAnswerLine && b != '\n' || c.line <= maxExtension && b >= ' ' && b != 0x7f {
		return None
	}
	return BadExtension
}

// trailer reads a byte after the last chunk. A line that begins with CR is the last.
func (c *Chunks) trailer(b byte) Fault {
	switch {
	case c.state == chunkEnd && b == '\r':
		c.state = chunkEndL
	case !c.Answer:
		return Trailer
	case b == '\n':
		c.state = chunkEnd
	default:
		c.state = chunkTrail
		if c.line++; c.line > maxAnswerLine {
			return Trailer
		}
	}
	return None
}

func (c *Chunks) sizeByte(b byte) Fault {
	digit := int64(0)
	switch {
	case IsDigit(b):
		digit = int64(b - '0')
	case 'a' <= b|0x20 && b|0x20 <= 'f':
		digit = int64(b|0x20-'a') + 10
	case b == '\r' && c.digits > 0:
		c.state = chunkSizeL
		return None
	case c.digits > 0 && (b == ';' || c.Answer && b != '\n'):
		c.state = chunkExt
		return None
	default:
		return BadChunk
	}
	if c.digits++; c.digits > maxChunkDigits {
		return LongChunk
	}
	c.size = c.size<<4 | digit
	return None
}

// open starts the data of the chunk whose size line has ended.
func (c *Chunks) open() Fault {
	if c.size == 0 {
		c.state = chunkEnd
		return None
	}
	c.chunks++
	c.total += c.size
	switch {
	case c.MaxBody > 0 && c.total > c.MaxBody:
		return BodyTooLarge
	case !c.Answer && c.chunks > FreeChunks+c.total/ChunkMean:
		return ManyChunks
	}
	c.state = chunkData
	return None
}

func (c *Chunks) expect(b, want byte, next chunkState) Fault {
	if b != want {
		return BadChunk
	}
	c.state = next
	return None
}
