package prescan

import (
	"fmt"
	"io"
	"os"
)

// ReadFile reads a file of up to so many bytes. It may be a pipe, and it may grow: what counts is
// what comes.
func ReadFile(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(text)) > most {
		err = fmt.Errorf("it has more than %d bytes", most)
	}
	return text, err
}
