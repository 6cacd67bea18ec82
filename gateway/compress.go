package gateway

import (
	"errors"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"

	"sluice/internal/memory"
)

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
type shorter struct{ memory.Buffer }

var errNotShorter = errors.New("BUG: an answer that compression does not shorten was not sent as it is")

func (p *shorter) Write(b []byte) (int, error) {
	if len(b) > cap(p.Bytes)-len(p.Bytes) {
		return 0, errNotShorter
	}
	p.Bytes = append(p.Bytes, b...)
	return len(b), nil
}

// compress replaces a successful answer by its compressed form if the client accepts
// one, it is large enough to gain, and there is memory for both. Nothing but infer answers is ever
// compressed: there are clients that ask for it and cannot read it elsewhere. A large answer is the
// exchange's own, and so is what takes its place.
func (g *Gateway) compress(x *Exchange) {
	is, body := x.accept, x.Answer
	if is == Identity || len(body) < g.opt.CompressFrom {
		return
	}
	d := deflaters.Get().(*deflater)
	defer deflaters.Put(d)
	defer d.out.Release()
	if !d.out.Grow(g.Answers, len(body)) || d.pack(is, body) != nil || len(d.out.Bytes) >= len(body) {
		return
	}
	x.AnswerCoding = is
	if !x.Large {
		x.Answer = append(body[:0], d.out.Bytes...)
		return
	}
	x.answer.Release()
	x.answer = d.out.Move()
	x.Answer = x.answer.Bytes
}

func (d *deflater) pack(as Coding, body []byte) error {
	var w io.WriteCloser
	if as == Gzip {
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
