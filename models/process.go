package models

import (
	"math"
	"os"
	"strconv"
	"strings"

	limits "sluice/internal/memory"
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
		f.Close()           //nolint:errcheck // likewise
	}
}

// resident reads a line of the process's status, such as VmRSS, in bytes; 0 if it is not there.
func resident(field string) int64 { return kibibytes("/proc/self/status", field) }

// kibibytes reads a line such as "VmRSS:  12 kB", in bytes.
func kibibytes(path, field string) int64 {
	for line := range strings.Lines(readProc(path)) {
		if value, found := strings.CutPrefix(line, field+":"); found {
			kib, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64) // 0 if it is none
			return kib << 10
		}
	}
	return 0
}

// memoryCeiling is the memory that the process may take.
func memoryCeiling() int64 {
	ceiling, err := limits.Limit()
	if err != nil {
		return math.MaxInt64 // nobody knows, so nothing is bounded by it
	}
	return ceiling.Bytes
}
