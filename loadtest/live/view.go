package live

import (
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"sluice/loadtest/result"
)

// Mode is how a run is shown.
type Mode uint8

const (
	// Auto is a block on a terminal, and Plain elsewhere.
	Auto Mode = iota
	// Plain is one line each second.
	Plain
	// None is nothing.
	None
)

// Options of a View.
type Options struct {
	Mode Mode
	// Title is the block's first line: load, seed, target.
	Title string
	// TTY says that the writer is a terminal.
	TTY bool
	// Width returns the terminal's columns; nil, or what it returns below 1, means 80.
	Width func() int
	// NoColor leaves out colours, as the environment's NO_COLOR asks.
	NoColor bool
}

// View shows snapshots. Its methods may be called from several goroutines.
type View struct {
	mu struct {
		sync.Mutex
		w      io.Writer
		lines  int  // of the block that is on the screen
		hidden bool // the cursor
		closed bool
		// second and phase are of the last plain line.
		second time.Duration
		phase  string
	}
	o Options
}

const (
	hideCursor = "\x1b[?25l"
	showCursor = "\x1b[?25h"
	// noWrap keeps a line that is too wide for a terminal that has just shrunk from taking two.
	noWrap  = "\x1b[?7l"
	wrap    = "\x1b[?7h"
	eraseTo = "\x1b[K" // the line's end
	eraseIn = "\x1b[J" // what is below
)

// New makes a view of a writer. The caller defers Close, which also runs when it panics.
func New(w io.Writer, o Options) *View {
	v := &View{o: o}
	v.mu.w, v.mu.second = w, -1
	return v
}

// block says whether the block is drawn.
func (v *View) block() bool { return v.o.Mode == Auto && v.o.TTY }

// Show draws a snapshot: as the block, in place of the one before; or as a line, if a second
// has passed since the last one. After Close it does nothing. A writer that fails is not
// reported: the run goes on without its picture.
func (v *View) Show(s Snapshot) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.mu.closed || v.o.Mode == None:
	case v.block():
		v.draw("", render(&s, v.o.Title, v.width(), !v.o.NoColor))
	default:
		phase, elapsed, _ := s.at()
		second := elapsed.Truncate(time.Second)
		if second == v.mu.second && phase == v.mu.phase {
			return
		}
		v.mu.second, v.mu.phase = second, phase
		_, _ = io.WriteString(v.mu.w, oneLine(&s)+"\n")
	}
}

// Title replaces the block's first line.
func (v *View) Title(text string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.o.Title = text
}

// Note prints a line that stays, above the block: what a probe found, for example. It is not cut.
func (v *View) Note(text string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.mu.closed || v.o.Mode == None:
	case v.block():
		v.draw(result.Clean(text), nil) // the next block comes below
	default:
		_, _ = io.WriteString(v.mu.w, result.Clean(text)+"\n")
	}
}

// draw replaces the block on the screen in one write, so that nothing flickers.
func (v *View) draw(note string, lines []string) {
	var b strings.Builder
	if !v.mu.hidden {
		b.WriteString(hideCursor)
		v.mu.hidden = true
	}
	if v.mu.lines > 0 {
		b.WriteString("\x1b[" + strconv.Itoa(v.mu.lines) + "A")
	}
	if note != "" {
		// It stays, so it may take the lines that it needs.
		b.WriteString("\r" + eraseIn + note + "\n")
	}
	b.WriteString(noWrap)
	for _, l := range lines {
		// Erased before it is written: a line that fills the width leaves the cursor on its last column.
		b.WriteString("\r" + eraseTo + l + "\n")
	}
	b.WriteString("\r" + eraseIn + wrap)
	v.mu.lines = len(lines)
	_, _ = io.WriteString(v.mu.w, b.String())
}

func (v *View) width() int {
	if v.o.Width != nil {
		if n := v.o.Width(); n > 0 {
			return n
		}
	}
	return 80
}

// Close leaves the last block where it is, with the cursor visible below it. It may be called
// more than once, and while Show is called elsewhere.
func (v *View) Close() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.mu.closed = true
	if v.mu.hidden {
		v.mu.hidden = false
		_, _ = io.WriteString(v.mu.w, wrap+showCursor)
	}
}

// Terminal says whether a file is a terminal, and returns a function that tells its columns,
// which change when a window does; 0 is not known.
func Terminal(f *os.File) (tty bool, width func() int) {
	fd := int(f.Fd())
	width = func() int {
		size, err := unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ)
		if err != nil {
			return 0
		}
		return int(size.Col)
	}
	_, err := unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ)
	return err == nil, width
}
