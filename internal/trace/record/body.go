package record

import (
	"math/bits"
	"sync"
	"sync/atomic"

	"sluice/internal/trace"
)

// maxWaiting bounds the memory of bodies between the request path and the file, in bytes: one
// of the largest that a server takes unless told otherwise, 64 MiB, which with its type fills
// the next size class; or a tenth of a second of 1 GB/s.
const maxWaiting = 128 << 20

const (
	smallest = 10 // as a power of two: 1 KiB
	classes  = 30 - smallest + 2
)

// body is a copy of a payload in pooled memory.
type body struct {
	class                   int
	data                    []byte // type, encoding, body
	typeLength, codingStart int
	header                  int64
	protocol                string
}

// bodies hands out memory for payloads, by size class, so that in steady state none is allocated.
type bodies struct {
	waiting atomic.Int64
	pools   [classes]sync.Pool
}

// tryCopy is nil where too much waits already, or the payload is one that no trace takes.
func (b *bodies) tryCopy(p *trace.Payload) *body {
	if p.Check() != nil {
		return nil
	}
	size := len(p.Type) + len(p.Encoding) + len(p.Body)
	class := max(0, bits.Len(uint(max(size, 1)-1))-smallest)
	held := int64(1) << (class + smallest)
	if b.waiting.Add(held) > maxWaiting {
		b.waiting.Add(-held)
		return nil
	}
	c, _ := b.pools[class].Get().(*body)
	if c == nil {
		c = &body{class: class, data: make([]byte, 0, held)}
	}
	c.data = append(append(append(c.data[:0], p.Type...), p.Encoding...), p.Body...)
	c.typeLength, c.codingStart = len(p.Type), len(p.Type)+len(p.Encoding)
	c.header, c.protocol = p.Header, p.Protocol
	return c
}

// payload is a view of the copy, but for the two short strings.
func (c *body) payload() trace.Payload {
	return trace.Payload{
		Protocol: c.protocol, Header: c.header,
		Type: string(c.data[:c.typeLength]), Encoding: string(c.data[c.typeLength:c.codingStart]), Body: c.data[c.codingStart:],
	}
}

// put takes the memory back.
func (b *bodies) put(c *body) {
	if c == nil {
		return
	}
	b.waiting.Add(-(int64(1) << (c.class + smallest)))
	b.pools[c.class].Put(c)
}
