package models

import (
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
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

// memoryCeiling is the memory that the process may take: the machine's, or that of the narrowest
// control group around it.
func memoryCeiling() int64 {
	ceiling := kibibytes("/proc/meminfo", "MemTotal")
	if ceiling == 0 {
		ceiling = math.MaxInt64
	}
	for line := range strings.Lines(readProc("/proc/self/cgroup")) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		root, file := "/sys/fs/cgroup", "memory.max"
		if parts[1] == "memory" {
			root, file = "/sys/fs/cgroup/memory", "memory.limit_in_bytes"
		} else if parts[1] != "" {
			continue
		}
		for dir := parts[2]; ; dir = filepath.Dir(dir) {
			if n, err := strconv.ParseInt(strings.TrimSpace(readProc(filepath.Join(root, dir, file))), 10, 64); err == nil && n > 0 {
				ceiling = min(ceiling, n)
			}
			if dir == "/" || dir == "." {
				break
			}
		}
	}
	return ceiling
}
