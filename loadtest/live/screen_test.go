package live

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// screen is a small terminal: it knows what View writes, and complains of the rest.
type screen struct {
	lines    [][]rune
	row, col int
	hidden   bool
	wraps    bool
	err      error
}

func newScreen() *screen { return &screen{lines: [][]rune{nil}, wraps: true} }

func (s *screen) Write(p []byte) (int, error) {
	text := []rune(string(p))
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '\r':
			s.col = 0
		case '\n':
			s.row++
			s.col = 0 // as the terminal's driver has it
			if s.row == len(s.lines) {
				s.lines = append(s.lines, nil)
			}
		case 0x1b:
			end := i + 2
			for end < len(text) && strings.ContainsRune("?0123456789;", text[end]) {
				end++
			}
			s.control(string(text[i+2:end]), text[end])
			i = end
		default:
			for len(s.lines[s.row]) <= s.col {
				s.lines[s.row] = append(s.lines[s.row], ' ')
			}
			s.lines[s.row][s.col] = c
			s.col++
		}
	}
	return len(p), nil
}

func (s *screen) control(argument string, verb rune) {
	switch {
	case verb == 'A':
		n, err := strconv.Atoi(argument)
		if s.row -= n; err != nil || s.row < 0 {
			s.err = fmt.Errorf("up by %q from line %d", argument, s.row+n)
			s.row = 0
		}
	case verb == 'K' && argument == "":
		s.lines[s.row] = s.lines[s.row][:min(s.col, len(s.lines[s.row]))]
	case verb == 'J' && argument == "":
		s.lines = s.lines[:s.row+1]
		s.lines[s.row] = s.lines[s.row][:min(s.col, len(s.lines[s.row]))]
	case verb == 'h' || verb == 'l':
		switch argument {
		case "?25":
			s.hidden = verb == 'l'
		case "?7":
			s.wraps = verb == 'h'
		default:
			s.err = fmt.Errorf("mode %s", argument)
		}
	case verb == 'm':
	default:
		s.err = fmt.Errorf("control %s%c", argument, verb)
	}
}

func (s *screen) text() string {
	var b strings.Builder
	for _, l := range s.lines {
		b.WriteString(strings.TrimRight(string(l), " ") + "\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// Whatever is shown and noted, the screen holds the notes in their order and below them the
// last block, nothing of the blocks before; the cursor is hidden until Close.
func TestTheScreenHoldsNotesAndTheLastBlock(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newScreen()
		width := 80
		v := New(s, Options{TTY: true, Title: "poisson:500", Width: func() int { return width }})
		var want []string
		var block []string
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "note") {
				note := rapid.StringMatching(`[a-z ]{0,20}[a-z]`).Draw(t, "text")
				v.Note(note)
				want, block = append(want, note), nil
				continue
			}
			width = rapid.IntRange(20, 120).Draw(t, "width")
			snapshot := example()
			if rapid.Bool().Draw(t, "short") {
				snapshot.Stages, snapshot.ToolCores, snapshot.TargetCores, snapshot.RSS, snapshot.GPU, snapshot.Batch, snapshot.Spills, snapshot.Sheds = nil, 0, 0, 0, -1, 0, -1, -1
			}
			v.Show(snapshot)
			block = render(&snapshot, "poisson:500", width, false)
			if !s.hidden {
				t.Fatal("the cursor is shown over the block")
			}
		}
		v.Close()
		v.Close()
		v.Show(example()) // too late to be shown
		if got := s.text(); got != strings.Join(append(want, block...), "\n")+"\n" || s.hidden || !s.wraps || s.err != nil {
			t.Fatalf("hidden %v, wraps %v, %v; the screen holds\n%s\nwant\n%s", s.hidden, s.wraps, s.err, got, strings.Join(append(want, block...), "\n"))
		}
	})
}

// openTerminal makes a pseudo terminal of 80 columns: what is written to the one end is read from the other.
func openTerminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Skipf("no pseudo terminal: %v", err)
	}
	master = os.NewFile(uintptr(fd), "ptmx")
	t.Cleanup(func() { master.Close() })
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo terminal: %v", err)
	}
	t.Cleanup(func() { slave.Close() })
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80}); err != nil {
		t.Fatal(err)
	}
	return master, slave
}

// On a real terminal a run that panics leaves the last block, and the cursor visible.
func TestCloseRestoresATerminal(t *testing.T) {
	master, slave := openTerminal(t)
	tty, width := Terminal(slave)
	if !tty || width() != 80 {
		t.Fatalf("terminal %v of %d columns", tty, width())
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("no panic came through")
			}
		}()
		v := New(slave, Options{TTY: tty, Width: width, Title: "poisson:500"})
		defer v.Close()
		v.Show(example())
		s := example()
		s.OK = 20999
		v.Show(s)
		panic("the run")
	}()
	got := newScreen()
	if err := master.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 1<<16)
	for all := ""; !strings.HasSuffix(all, showCursor); {
		n, err := master.Read(buffer)
		if err != nil {
			t.Fatalf("after %q: %v", all, err)
		}
		all += string(buffer[:n])
		if _, err := got.Write(buffer[:n]); err != nil {
			t.Fatal(err)
		}
	}
	s := example()
	s.OK = 20999
	if want := strings.Join(render(&s, "poisson:500", 80, false), "\n") + "\n"; got.text() != want || got.hidden || got.err != nil {
		t.Errorf("hidden %v, %v; the terminal holds\n%s\nwant\n%s", got.hidden, got.err, got.text(), want)
	}
}

func TestAFileIsNoTerminal(t *testing.T) {
	f, err := os.Create(t.TempDir() + "/out")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if tty, width := Terminal(f); tty || width() != 0 {
		t.Errorf("a file is a terminal of %d columns", width())
	}
}
