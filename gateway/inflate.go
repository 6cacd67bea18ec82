package gateway

import (
	"bytes"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/valyala/fasthttp"

	"sluice/internal/fault"
	"sluice/internal/http1"
)

// body is the request's body without its Content-Encoding. It is a view of the
// connection's or the call's buffer.
func (s *Server) body(c *call) ([]byte, error) {
	body := c.ctx.Request.Body()
	is, err := contentCoding(&c.ctx.Request.Header)
	if err != nil || is == identity {
		return body, err
	}
	if len(body) == 0 {
		return nil, fault.New(fault.BadCompression, "nothing to be decompressed: the request has no body")
	}
	in := inflaters.Get().(*inflater)
	defer inflaters.Put(in)
	in.src.Reset(body)
	err = in.read(&c.inflated, is, s)
	in.src.Reset(nil)
	return c.inflated.bytes, err
}

// contentCoding is how the body of a request is compressed, as its header says.
func contentCoding(h *fasthttp.RequestHeader) (coding, error) {
	is := identity
	if h.PeekCanonical(headerContentEncoding) == nil {
		return is, nil
	}
	for name, value := range h.All() { // it may be there several times, which is one list
		if !bytes.Equal(name, headerContentEncoding) {
			continue
		}
		if f := is.add(value); f != nil {
			return is, f
		}
	}
	return is, nil
}

// add reads a value of Content-Encoding, a list of codings of which one at most may be other than
// identity.
func (is *coding) add(value []byte) *fault.Error {
	for len(value) > 0 {
		var name []byte
		name, value, _ = bytes.Cut(value, []byte(","))
		if name = http1.TrimBlank(name); len(name) == 0 {
			continue
		}
		next, known := codingNamed(name)
		switch {
		case !known:
			return fault.New(fault.UnsupportedEncoding, "Unsupported compression type: Content-Encoding can be gzip, x-gzip, deflate or identity")
		case next == identity:
		case *is != identity:
			return fault.New(fault.UnsupportedEncoding, "Unsupported compression type: Content-Encoding names more than one coding; a body can be compressed once")
		default:
			*is = next
		}
	}
	return nil
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
func (in *inflater) open(is coding) error {
	if is == gzipped {
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
func (in *inflater) read(dst *buffer, is coding, s *Server) error {
	if err := in.open(is); err != nil {
		return badCompression()
	}
	dst.bytes = dst.bytes[:0]
	for limit := int(s.opt.Limits.MaxInflatedBytes); ; {
		room := dst.room(s.bodies, limit+1-len(dst.bytes))
		if room == nil {
			return s.noRoomForBodies()
		}
		n, err := in.from.Read(room)
		dst.extend(n)
		switch {
		case len(dst.bytes) > limit:
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
