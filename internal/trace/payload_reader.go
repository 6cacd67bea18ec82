package trace

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// maxHead is the longest line before a body: a key, two types whose every byte is escaped,
// and three numbers.
const maxHead = 6*2*MaxType + 512

// PayloadReader reads payloads one by one.
type PayloadReader struct {
	r     *bufio.Reader
	count int
}

// NewPayloadReader reads the header.
func NewPayloadReader(r io.Reader) (*PayloadReader, error) {
	t := &PayloadReader{r: bufio.NewReaderSize(r, max(maxHead, 1<<16))}
	text, err := t.head()
	if err != nil {
		return nil, fmt.Errorf("the payloads' header: %w", unexpectedEnd(err))
	}
	f, version := fields{rest: text}, int64(0)
	err = f.each(func(key string) (err error) {
		if key != "sluice_payloads" {
			return unknownKey(key)
		}
		version, err = f.whole()
		return err
	})
	if err == nil {
		err = checkVersion(version, payloadsVersion)
	}
	if err != nil {
		return nil, fmt.Errorf("the payloads' header: %w", err)
	}
	return t, nil
}

// Next reads the next payload into p, whose Body's memory it uses again, and returns its key.
// The error is io.EOF after the last one.
func (t *PayloadReader) Next(p *Payload) (key string, err error) {
	text, err := t.head()
	if errors.Is(err, io.EOF) {
		return "", io.EOF
	}
	t.count++
	if err == nil {
		key, err = t.read(text, p)
	}
	if err != nil {
		return "", fmt.Errorf("payload %d: %w", t.count, unexpectedEnd(err))
	}
	return key, nil
}

// head returns a line without its end. It is io.EOF where nothing is left.
func (t *PayloadReader) head() ([]byte, error) {
	text, err := t.r.ReadSlice('\n')
	switch {
	case errors.Is(err, io.EOF) && len(text) == 0:
		return nil, io.EOF
	case errors.Is(err, io.EOF):
		return nil, io.ErrUnexpectedEOF
	case errors.Is(err, bufio.ErrBufferFull) || err == nil && len(text) > maxHead:
		return nil, fmt.Errorf("a line of more than %d bytes", maxHead)
	case err != nil:
		return nil, fmt.Errorf("cannot read: %w", err)
	}
	return text[:len(text)-1], nil
}

func (t *PayloadReader) read(text []byte, p *Payload) (string, error) {
	*p = Payload{Header: -1, Body: p.Body[:0]}
	key, size, err := p.parse(text)
	if err != nil {
		return "", err
	}
	// A length is believed only as far as bytes follow it.
	for left := size; left > 0; {
		n := min(left, 1<<20)
		at := len(p.Body)
		p.Body = slices.Grow(p.Body, int(n))[:at+int(n)]
		if _, err := io.ReadFull(t.r, p.Body[at:]); err != nil {
			return "", err
		}
		left -= n
	}
	end, err := t.r.ReadByte()
	if err != nil {
		return "", err
	}
	if end != '\n' {
		return "", fmt.Errorf("the body is longer than the %d bytes that its line says", size)
	}
	if err := p.Check(); err != nil {
		return "", err
	}
	if sum := p.digest(); hex.EncodeToString(sum[:]) != key {
		return "", fmt.Errorf("the body is damaged: its key is %x, not %.40s", sum, key)
	}
	return key, nil
}

func unexpectedEnd(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the file ends in the middle: it was cut off, or is still being written")
	}
	return err
}

// parse reads the line before a body.
func (p *Payload) parse(text []byte) (key string, size int64, err error) {
	f := fields{rest: text}
	size = -1
	err = f.each(func(name string) (err error) {
		switch name {
		case "key":
			key, err = f.text()
		case "bytes":
			if size, err = f.whole(); err == nil && (size < 0 || size > MaxBody) {
				err = fmt.Errorf("bytes is %d; it must be 0 to %d", size, MaxBody)
			}
		case "protocol":
			p.Protocol, err = f.text()
		case "type":
			p.Type, err = f.text()
		case "encoding":
			p.Encoding, err = f.text()
		case "header":
			p.Header, err = f.whole()
		default:
			err = unknownKey(name)
		}
		return err
	})
	if err == nil && size < 0 {
		err = errors.New("the key bytes is missing")
	}
	return key, size, err
}

// LoadPayloads reads the payloads of a trace into memory, at most maxBytes of bodies. A trace
// without a file of payloads has none.
func LoadPayloads(tracePath string, maxBytes int64) (map[string]*Payload, error) {
	path := PayloadsPath(tracePath)
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return map[string]*Payload{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot open the payloads: %w", err)
	}
	defer file.Close()
	r, err := NewPayloadReader(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	all := map[string]*Payload{}
	for total := int64(0); ; {
		p := &Payload{}
		key, err := r.Next(p)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if total += int64(len(p.Body)); total > maxBytes {
			return nil, fmt.Errorf("%s: the bodies are more than %d bytes: use a shorter trace", path, maxBytes)
		}
		all[key] = p
	}
}
