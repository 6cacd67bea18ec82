package gateway

import (
	"bytes"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"

	"sluice/internal/fault"
	"sluice/internal/memory"
)

// plainBody is the request's body without its coding: a view of the body or of the exchange's own buffer.
func (g *Gateway) plainBody(x *Exchange) ([]byte, error) {
	return g.inflate(x, &x.inflated, x.Body, x.Head.ContentEncoding)
}

// Inflate is a body without its coding, a value of Content-Encoding: the body itself, or what dst
// then holds. It is bounded by Limits.MaxInflatedBytes.
func (g *Gateway) Inflate(dst *memory.Buffer, body, encoding []byte) ([]byte, error) {
	return g.inflate(nil, dst, body, encoding)
}

// inflate is Inflate for an exchange, which takes a turn (turns.go) once its body is large; nil is for none.
func (g *Gateway) inflate(x *Exchange, dst *memory.Buffer, body, encoding []byte) ([]byte, error) {
	is, f := ParseCoding(encoding)
	switch {
	case f != nil:
		return nil, f
	case is == Identity:
		return body, nil
	case len(body) == 0:
		return nil, fault.New(fault.BadCompression, "nothing to be decompressed: the request has no body")
	}
	in := inflaters.Get().(*inflater)
	defer inflaters.Put(in)
	in.src.Reset(body)
	err := in.read(dst, is, g, x)
	in.src.Reset(nil)
	return dst.Bytes, err
}

// inflater is a pooled pair of decompressors; each is made when first needed.
type inflater struct {
	src  bytes.Reader
	gzip *gzip.Reader
	zlib io.ReadCloser
	from io.Reader
}

var inflaters = sync.Pool{New: func() any { return &inflater{} }}

// open begins to decompress the source.
func (in *inflater) open(is Coding) error {
	if is == Gzip {
		return in.openGzip()
	}
	return in.openZlib()
}

func (in *inflater) openGzip() (err error) {
	if in.gzip == nil {
		in.gzip, err = gzip.NewReader(&in.src)
	} else {
		err = in.gzip.Reset(&in.src)
	}
	in.from = in.gzip // all members are one body (RFC 1952, 2.2)
	return err
}

func (in *inflater) openZlib() (err error) {
	if in.zlib == nil {
		in.zlib, err = zlib.NewReader(&in.src)
	} else {
		err = in.zlib.(zlib.Resetter).Reset(&in.src, nil)
	}
	in.from = in.zlib
	return err
}

// read puts the decompressed source into dst. It stops at the limits: what a bomb would have become
// is never made.
func (in *inflater) read(dst *memory.Buffer, is Coding, g *Gateway, x *Exchange) error {
	if err := in.open(is); err != nil {
		return badCompression()
	}
	dst.Bytes = dst.Bytes[:0]
	for limit := int(g.opt.Limits.MaxInflatedBytes); ; {
		room := dst.Room(g.Bodies, limit+1-len(dst.Bytes))
		if room == nil {
			return g.NoRoomForBodies()
		}
		n, err := in.from.Read(room)
		dst.Extend(n)
		if x != nil && len(dst.Bytes) > largeInflated {
			if f := g.takeTurn(x); f != nil {
				return f
			}
		}
		switch {
		case len(dst.Bytes) > limit:
			return fault.Newf(fault.DecompressedTooLarge, "the decompressed body is larger than %d bytes (limits.max_decompressed_bytes)", limit)
		case err == io.EOF && in.src.Len() == 0:
			return nil
		case err != nil:
			return badCompression()
		}
	}
}

func badCompression() *fault.Error {
	return fault.New(fault.BadCompression, "the compressed body is damaged, cut short, or followed by other data")
}
