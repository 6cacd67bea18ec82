package load

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"sluice/features/native"
	"sluice/features/store"
)

// sorter puts records in the order of their keys, in bounded memory: what does not fit is sorted in runs, which are merged when
// they are read. Of records with one key it keeps the newest, and of those the one that was added last.
type sorter struct {
	folder string
	limit  int

	arena []byte
	marks []mark // of the records in the arena
	added int64

	file *os.File // of the runs; it has no name
	out  *bufio.Writer
	runs []run
	end  int64
}

// mark is where a record stands, and what decides between records of one key.
type mark struct {
	at    int // of its key and value, each behind its length
	time  int64
	index int64
}

// run is a part of the file, sorted.
type run struct{ from, to int64 }

const (
	markBytes = 24
	// A run's buffer is between these bounds; together the buffers stay within the limit as long as there are few runs.
	mostBuffer, leastBuffer = 1 << 20, 4 << 10
)

func (s *sorter) close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

// add copies a record.
func (s *sorter) add(r store.Record) error {
	if len(s.arena)+len(r.Key)+len(r.Value)+2*binary.MaxVarintLen32+markBytes*(len(s.marks)+1) > s.limit && len(s.marks) > 0 {
		if err := s.spill(); err != nil {
			return err
		}
	}
	_, ns, _ := native.Header(r.Value)
	s.marks = append(s.marks, mark{at: len(s.arena), time: ns, index: s.added})
	s.arena = appendField(appendField(s.arena, r.Key), r.Value)
	s.added++
	return nil
}

func appendField(dst, field []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(field))), field...)
}

// field takes a field off what appendField has written.
func field(b []byte) (field, rest []byte) {
	n, size := binary.Uvarint(b)
	b = b[size:]
	return b[:n:n], b[n:]
}

func (s *sorter) record(m mark) store.Record {
	key, rest := field(s.arena[m.at:])
	value, _ := field(rest)
	return store.Record{Key: key, Value: value}
}

// arrange sorts what is in memory, and drops what is not kept.
func (s *sorter) arrange() {
	slices.SortFunc(s.marks, func(a, b mark) int {
		return cmp.Or(bytes.Compare(s.record(a).Key, s.record(b).Key), cmp.Compare(b.time, a.time), cmp.Compare(b.index, a.index))
	})
	s.marks = slices.CompactFunc(s.marks, func(a, b mark) bool { return bytes.Equal(s.record(a).Key, s.record(b).Key) })
}

// spill writes what is in memory as a run.
func (s *sorter) spill() error {
	if s.file == nil {
		f, err := os.CreateTemp(s.folder, "sluice-sort-*")
		if err != nil {
			return fmt.Errorf("cannot sort beyond the memory that is given: %w", err)
		}
		s.file, s.out = f, bufio.NewWriterSize(nil, mostBuffer)
		if err := os.Remove(f.Name()); err != nil { // it is there until it is closed, or the process ends
			return err
		}
	}
	s.arrange()
	s.out.Reset(io.NewOffsetWriter(s.file, s.end))
	r := run{from: s.end}
	var head []byte
	for _, m := range s.marks {
		rec := s.record(m)
		head = binary.AppendVarint(binary.AppendVarint(head[:0], m.time), m.index)
		head = appendField(appendField(head, rec.Key), rec.Value)
		s.end += int64(len(head))
		if _, err := s.out.Write(head); err != nil {
			return fmt.Errorf("cannot write a sorted run: %w", err)
		}
	}
	if err := s.out.Flush(); err != nil {
		return fmt.Errorf("cannot write a sorted run: %w", err)
	}
	r.to = s.end
	s.runs = append(s.runs, r)
	s.arena, s.marks = s.arena[:0], s.marks[:0]
	return nil
}

// finish ends adding.
func (s *sorter) finish() error {
	if len(s.runs) == 0 {
		s.arrange()
		return nil
	}
	if len(s.marks) > 0 {
		if err := s.spill(); err != nil {
			return err
		}
	}
	s.arena, s.marks, s.out = nil, nil, nil
	return nil
}

// each calls do for the records in order, as often as it is called. A record is good until do returns.
func (s *sorter) each(do func(store.Record) error) error {
	if len(s.runs) == 0 {
		for _, m := range s.marks {
			if err := do(s.record(m)); err != nil {
				return err
			}
		}
		return nil
	}
	return s.merge(do)
}

// cursor reads a run.
type cursor struct {
	r           *bufio.Reader
	time, index int64
	key, value  []byte
}

func (c *cursor) next() (err error) {
	if c.time, err = binary.ReadVarint(c.r); err != nil {
		return err // io.EOF at the run's end
	}
	if c.index, err = binary.ReadVarint(c.r); err != nil {
		return unexpected(err)
	}
	if c.key, err = readField(c.r, c.key); err != nil {
		return err
	}
	c.value, err = readField(c.r, c.value)
	return err
}

func readField(r *bufio.Reader, dst []byte) ([]byte, error) {
	n, err := binary.ReadUvarint(r)
	if err != nil {
		return dst, unexpected(err)
	}
	dst = slices.Grow(dst[:0], int(n))[:n]
	_, err = io.ReadFull(r, dst)
	return dst, unexpected(err)
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// cursors is runs, as a heap by their next records: each comes before those at twice its number plus one and plus two.
type cursors []*cursor

func compare(a, b *cursor) int {
	return cmp.Or(bytes.Compare(a.key, b.key), cmp.Compare(b.time, a.time), cmp.Compare(b.index, a.index))
}

// sink moves the first cursor, whose record has changed, to its place.
func (c cursors) sink() {
	i := 0
	for {
		child := 2*i + 1
		if child >= len(c) {
			return
		}
		if child+1 < len(c) && compare(c[child+1], c[child]) < 0 {
			child++
		}
		if compare(c[i], c[child]) <= 0 {
			return
		}
		c[i], c[child] = c[child], c[i]
		i = child
	}
}

func (s *sorter) merge(do func(store.Record) error) error {
	size := min(max(s.limit/len(s.runs), leastBuffer), mostBuffer)
	var h cursors
	for _, r := range s.runs {
		c := &cursor{r: bufio.NewReaderSize(io.NewSectionReader(s.file, r.from, r.to-r.from), size)}
		if err := c.next(); err != nil {
			return fmt.Errorf("cannot read a sorted run: %w", err)
		}
		h = append(h, c)
	}
	slices.SortFunc(h, compare)
	var last []byte
	for first := true; len(h) > 0; first = false {
		c := h[0]
		if first || !bytes.Equal(c.key, last) {
			last = append(last[:0], c.key...)
			if err := do(store.Record{Key: c.key, Value: c.value}); err != nil {
				return err
			}
		}
		if err := c.next(); errors.Is(err, io.EOF) {
			h[0] = h[len(h)-1]
			h = h[:len(h)-1]
		} else if err != nil {
			return fmt.Errorf("cannot read a sorted run: %w", err)
		}
		h.sink()
	}
	return nil
}
