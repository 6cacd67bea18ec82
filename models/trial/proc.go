package trial

import (
	"math"
	"os"

	"sluice/internal/memory"
)

// readProc is the text of a file of /proc or a control group; empty if it cannot be read.
func readProc(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return string(text)
}

func writeProc(path, text string) {
	if f, err := os.OpenFile(path, os.O_WRONLY, 0); err == nil {
		f.WriteString(text) //nolint:errcheck // what cannot be told stays as it is
		f.Close()
	}
}

// MemoryCeiling is the memory that the process may take.
func MemoryCeiling() int64 {
	ceiling, err := memory.Limit()
	if err != nil {
		return math.MaxInt64 // nobody knows, so nothing is bounded by it
	}
	return ceiling.Bytes
}
