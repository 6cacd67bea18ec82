package gateway

import (
	"bytes"
	"errors"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"

	"sluice/internal/http1"
)

// coding is how a body is compressed.
type coding uint8

const (
	identity coding = iota
	gzipped
	deflated
)

var codingNames = [...][]byte{identity: nil, gzipped: []byte("gzip"), deflated: []byte("deflate")}

// acceptable picks the coding of an Accept-Encoding header: the highest q wins, the
// first of equals; q=0 excludes; "*" and what is not known do not count. Codings are
// compared with identity only where the client lists it.
func acceptable(header []byte) coding {
	best, bestQ := identity, 0
	for len(header) > 0 {
		var item []byte
		item, header, _ = bytes.Cut(header, []byte(","))
		name, parameters, _ := bytes.Cut(item, []byte(";"))
		is, known := codingNamed(http1.TrimBlank(name))
		if !known {
			continue
		}
		if q := quality(parameters); q > bestQ {
			best, bestQ = is, q
		}
	}
	return best
}

// codingNamed is the coding of a name, which has no case. x-gzip is gzip (RFC 9110, 8.4.1.3).
func codingNamed(name []byte) (is coding, known bool) {
	switch {
	case http1.FoldEqual(name, "gzip"), http1.FoldEqual(name, "x-gzip"):
		return gzipped, true
	case http1.FoldEqual(name, "deflate"):
		return deflated, true
	}
	return identity, http1.FoldEqual(name, "identity")
}

// quality reads ";q=" in thousandths; 1000 if there is none, 0 if it is malformed.
func quality(parameters []byte) int {
	parameters = http1.TrimBlank(parameters)
	if len(parameters) == 0 {
		return 1000
	}
	if len(parameters) < 3 || parameters[0]|0x20 != 'q' || parameters[1] != '=' {
		return 0
	}
	digits, scale, q := parameters[2:], 1000, 0
	if len(digits) > 5 || len(digits) > 1 && digits[1] != '.' {
		return 0
	}
	for i, b := range digits {
		if i == 1 {
			continue
		}
		if !http1.IsDigit(b) {
			return 0
		}
		q += int(b-'0') * scale
		scale /= 10
	}
	return min(q, 1000)
}

// compressLevel is the fastest: some clients ask for compression by default, without
// wanting it, and at the usual level a large tensor takes longer to pack than to infer.
const compressLevel = gzip.BestSpeed

// deflater is a pooled pair of compressors; each is made when first needed.
type deflater struct {
	gzip *gzip.Writer
	zlib *zlib.Writer
	out  shorter
}

var deflaters = sync.Pool{New: func() any { return &deflater{} }}

// shorter takes in a compressed answer, as long as that is shorter than the answer.
type shorter struct{ buffer }

var errNotShorter = errors.New("BUG: an answer that compression does not shorten was not sent as it is")

func (p *shorter) Write(b []byte) (int, error) {
	if len(b) > cap(p.bytes)-len(p.bytes) {
		return 0, errNotShorter
	}
	p.bytes = append(p.bytes, b...)
	return len(b), nil
}

// compress replaces a successful answer by its compressed form if the client accepts
// one, it is large enough to gain, and there is memory for both. Nothing but infer answers is ever
// compressed: there are clients that ask for it and cannot read it elsewhere. A large answer is the
// call's own, and so is what takes its place.
func (s *Server) compress(c *call, body []byte, large bool) []byte {
	if c.accept == identity || len(body) < s.opt.CompressFrom {
		return body
	}
	d := deflaters.Get().(*deflater)
	defer deflaters.Put(d)
	defer d.out.release()
	if !d.out.grow(s.answers, len(body)) || d.pack(c.accept, body) != nil || len(d.out.bytes) >= len(body) {
		return body
	}
	c.ctx.Response.Header.SetContentEncodingBytes(codingNames[c.accept])
	if !large {
		return append(body[:0], d.out.bytes...)
	}
	c.answer.release()
	c.answer = d.out.move()
	return c.answer.bytes
}

func (d *deflater) pack(as coding, body []byte) error {
	var w io.WriteCloser
	if as == gzipped {
		if d.gzip == nil {
			d.gzip, _ = gzip.NewWriterLevel(&d.out, compressLevel)
		} else {
			d.gzip.Reset(&d.out)
		}
		w = d.gzip
	} else {
		if d.zlib == nil {
			d.zlib, _ = zlib.NewWriterLevel(&d.out, compressLevel)
		} else {
			d.zlib.Reset(&d.out)
		}
		w = d.zlib
	}
	if _, err := w.Write(body); err != nil {
		return err
	}
	return w.Close()
}
