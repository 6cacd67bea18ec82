package gateway

import (
	"bytes"
	"io"
	"slices"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"

	"sluice/internal/fault"
)

// body is the request's body without its Content-Encoding. It is a view of the
// connection's or the call's buffer.
func (s *Server) body(c *call) ([]byte, error) {
	body := c.ctx.Request.Body()
	coding := c.ctx.Request.Header.PeekCanonical(headerContentEncoding)
	if len(coding) == 0 {
		return body, nil
	}
	var open func(*inflater) error
	switch string(coding) {
	case "identity":
		return body, nil
	case "gzip":
		open = (*inflater).openGzip
	case "deflate":
		open = (*inflater).openZlib
	default:
		return nil, fault.New(fault.UnsupportedEncoding, "Unsupported compression type: Content-Encoding can be gzip or deflate")
	}
	if len(body) == 0 {
		return nil, fault.New(fault.BadCompression, "nothing to be decompressed: the request has no body")
	}
	in := inflaters.Get().(*inflater)
	defer inflaters.Put(in)
	in.src.Reset(body)
	var err error
	c.inflated, err = in.read(c.inflated[:0], open, s.opt.Limits.MaxInflatedBytes, func(size int) *fault.Error {
		return s.reserve(&c.reserved, int64(size))
	})
	in.src.Reset(nil)
	return c.inflated, err
}

// inflater is a pooled pair of decompressors; each is made when first needed.
type inflater struct {
	src  bytes.Reader
	gzip *gzip.Reader
	zlib io.ReadCloser
	from io.Reader
}

var inflaters = sync.Pool{New: func() any { return &inflater{} }}

func (in *inflater) openGzip() (err error) {
	if in.gzip == nil {
		in.gzip, err = gzip.NewReader(&in.src)
	} else {
		err = in.gzip.Reset(&in.src)
	}
	if err == nil {
		in.gzip.Multistream(false)
		in.from = in.gzip
	}
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

// read appends the decompressed source to dst. It stops at the limit: what a bomb would
// have become is never made. reserve is asked before dst grows.
func (in *inflater) read(dst []byte, open func(*inflater) error, limit int64, reserve func(size int) *fault.Error) ([]byte, error) {
	if err := open(in); err != nil {
		return dst, badCompression()
	}
	for {
		if len(dst) == cap(dst) {
			if f := reserve(2 * cap(dst)); f != nil {
				return dst, f
			}
			dst = slices.Grow(dst, max(cap(dst), minInflated))
		}
		n, err := in.from.Read(dst[len(dst):min(cap(dst), int(limit)+1)])
		dst = dst[:len(dst)+n]
		switch {
		case int64(len(dst)) > limit:
			return dst, fault.Newf(fault.DecompressedTooLarge, "the decompressed body is larger than %d bytes", limit)
		case err == io.EOF && in.src.Len() == 0:
			return dst, nil
		case err != nil:
			return dst, badCompression()
		}
	}
}

const minInflated = 16 << 10

func badCompression() *fault.Error {
	return fault.New(fault.BadCompression, "the compressed body is damaged, cut short, or followed by other data")
}
