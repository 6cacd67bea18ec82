package child

import (
	"strings"
	"sync"
)

// Beginning keeps the first bytes that a process writes: a crash says its cause first and its stacks
// after. It is read when the process has ended.
type Beginning struct {
	// Most is how many bytes are kept.
	Most int

	kept []byte
}

// Write never fails: a process must not end because its words are not wanted.
func (b *Beginning) Write(p []byte) (int, error) {
	b.kept = append(b.kept, p[:min(len(p), b.Most-len(b.kept))]...)
	return len(p), nil
}

// Bytes are what is kept.
func (b *Beginning) Bytes() []byte { return b.kept }

// Tail keeps the end of what a process writes. It may be read meanwhile.
type Tail struct {
	mu struct {
		sync.Mutex
		kept []byte
	}
}

// tailBytes is how much of an end is kept.
const tailBytes = 4096

// Write never fails.
func (t *Tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mu.kept = append(t.mu.kept, p...)
	if n := len(t.mu.kept) - tailBytes; n > 0 {
		t.mu.kept = append(t.mu.kept[:0], t.mu.kept[n:]...)
	}
	return len(p), nil
}

// Lines are the last lines, as one.
func (t *Tail) Lines(most int) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := strings.FieldsFunc(string(t.mu.kept), func(c rune) bool { return c == '\n' || c == '\r' })
	return strings.TrimSpace(strings.Join(lines[max(0, len(lines)-most):], " | "))
}
