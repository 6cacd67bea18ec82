package embedded

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"

	"sluice/features/native"
	"sluice/features/store"
)

// A file of upserts is its name and then frames, one for each batch. The name is eight bytes by chance, by which who has read a
// part of the file sees that another one has taken its place. A frame is the length of the body and its CRC-32C
// (Castagnoli), four bytes each, little-endian, and the body. A body is the record of a schema and then keys and rows by turns, each
// with its length in front as a varint. A batch whose writer was killed is a frame that is cut or does not agree with
// its sum.
const (
	nameBytes = 8
	frameHead = 8
)

// place is how far a file of upserts is read: which one, and to which byte. The zero value is that of none.
type place struct {
	name [nameBytes]byte
	end  int64
}

// behind reads what stands behind the place. Of another file than the place's it is all of it, and the place moves there.
func (p *place) behind(file io.ReaderAt) ([]byte, error) {
	var name [nameBytes]byte
	if _, err := file.ReadAt(name[:], 0); errors.Is(err, io.EOF) {
		*p = place{}
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	if p.name != name || p.end == 0 {
		*p = place{name, nameBytes}
	}
	return io.ReadAll(io.NewSectionReader(file, p.end, maxUpserts))
}

// appendName begins a file.
func appendName(dst []byte) []byte {
	var name [nameBytes]byte
	_, _ = rand.Read(name[:]) // never fails
	return append(dst, name[:]...)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func appendFrame(dst []byte, s *native.Schema, rows []store.Record) []byte {
	start := len(dst)
	dst = appendBytes(append(dst, make([]byte, frameHead)...), s.Record())
	for i := range rows {
		dst = appendBytes(appendBytes(dst, rows[i].Key), rows[i].Value)
	}
	body := dst[start+frameHead:]
	binary.LittleEndian.PutUint32(dst[start:], uint32(len(body)))
	binary.LittleEndian.PutUint32(dst[start+4:], crc32.Checksum(body, castagnoli))
	return dst
}

func appendBytes(dst, b []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

// nextFrame takes the body of the first frame off b; ok is false if there is no whole one.
func nextFrame(b []byte) (body, rest []byte, ok bool) {
	if len(b) < frameHead {
		return nil, b, false
	}
	n := uint64(binary.LittleEndian.Uint32(b))
	if n == 0 || n > uint64(len(b)-frameHead) { // zeros are what a machine may leave that lost its power
		return nil, b, false
	}
	body, rest = b[frameHead:frameHead+n], b[frameHead+n:]
	return body, rest, crc32.Checksum(body, castagnoli) == binary.LittleEndian.Uint32(b[4:])
}

// parseBody reads a batch. The rows lie in body.
func parseBody(body []byte) (*native.Schema, []store.Record, error) {
	record, body, ok := takeBytes(body)
	if !ok {
		return nil, nil, errors.New("a batch of upserts has no schema")
	}
	s, err := native.ParseSchema(record)
	if err != nil {
		return nil, nil, err
	}
	var rows []store.Record
	for len(body) > 0 {
		var r store.Record
		if r.Key, body, ok = takeBytes(body); ok {
			r.Value, body, ok = takeBytes(body)
		}
		if !ok || !s.Fits(r.Value) {
			return nil, nil, errors.New("a batch of upserts has a row that is none of its schema")
		}
		rows = append(rows, r)
	}
	return s, rows, nil
}

func takeBytes(b []byte) (taken, rest []byte, ok bool) {
	n, size := binary.Uvarint(b)
	if size <= 0 || n > uint64(len(b)-size) {
		return nil, nil, false
	}
	end := size + int(n)
	return b[size:end:end], b[end:], true
}
