package worker

import (
	"bytes"
	"strings"
	"sync"

	"go.uber.org/zap"
)

// tail logs the lines that a process writes and keeps the last one.
type tail struct {
	log *zap.Logger
	mu  sync.Mutex
	// part is a line that has not ended yet.
	part, last []byte
	logged     int
}

const (
	maxLine   = 1 << 10 // bytes kept of a line
	maxLogged = 100     // lines of one process: a crash writes hundreds
)

// Write never fails: a process must not end because its words are not wanted.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for rest := p; len(rest) > 0; {
		line, after, whole := bytes.Cut(rest, []byte("\n"))
		t.part = append(t.part, line[:min(len(line), maxLine-len(t.part))]...)
		if rest = after; whole {
			t.end()
		}
	}
	return len(p), nil
}

func (t *tail) end() {
	if len(bytes.TrimSpace(t.part)) > 0 {
		t.last = append(t.last[:0], t.part...)
		if t.logged++; t.log != nil && t.logged <= maxLogged {
			t.log.Warn("the worker process says", zap.String("line", clean(t.part)))
		}
	}
	t.part = t.part[:0]
}

// line is the last line that was not empty.
func (t *tail) line() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(bytes.TrimSpace(t.part)) > 0 {
		return clean(t.part)
	}
	return clean(t.last)
}

func clean(line []byte) string { return strings.TrimSpace(strings.ToValidUTF8(string(line), "?")) }
