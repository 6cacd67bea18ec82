package live

import (
	"os"

	"golang.org/x/sys/unix"
)

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
