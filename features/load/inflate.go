package load

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/format"
)

var errLonger = errors.New("it is longer than it claims when it is decompressed")

// inflate decompresses a page into dst, whose capacity is what the page claims to become. What is longer is an error, and is
// not made: the library's own decompressors make whatever comes. LZ4 is refused: the library tries damaged pages with ever more memory,
// and of some that are whole it gives back memory without them (parquet-go 0.32.0).
func inflate(codec format.CompressionCodec, dst, src []byte) ([]byte, error) {
	switch codec {
	case format.Uncompressed:
		return src, nil
	case format.Snappy:
		if n, size := binary.Uvarint(src); size <= 0 || n > uint64(cap(dst)) {
			return nil, errLonger
		}
		return snappy.Decode(dst[:cap(dst)], src)
	case format.Zstd:
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecodeAllCapLimit(true))
		if err != nil {
			return nil, err
		}
		defer d.Close()
		return d.DecodeAll(src, dst[:0])
	case format.Gzip:
		r, err := gzip.NewReader(bytes.NewReader(src))
		if err != nil {
			return nil, err
		}
		return readWhole(r, dst)
	case format.Brotli:
		return readWhole(brotli.NewReader(bytes.NewReader(src)), dst)
	}
	return nil, fmt.Errorf("it is compressed by %s: uncompressed, SNAPPY, GZIP, ZSTD and BROTLI can be read", codec)
}

// readWhole reads to the end, which must come within the capacity of dst.
func readWhole(r io.Reader, dst []byte) ([]byte, error) {
	n, err := io.ReadFull(r, dst[:cap(dst)])
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) && n < cap(dst) {
		return dst[:n], nil
	}
	if err != nil {
		return nil, err
	}
	if _, err = io.ReadFull(r, make([]byte, 1)); err == nil {
		err = errLonger
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return dst[:n], err
}
