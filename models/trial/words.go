package trial

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"sluice/internal/child"
)

// maxTrialOutput bounds what is kept of a trial process's output: the beginning, since
// a crash says its cause first and its stacks after.
const maxTrialOutput = 1 << 10

// tooNew is what ONNX Runtime says of a file for operators that came after it.
var tooNew = regexp.MustCompile(`Opset (\d+) is under development .* till opset (\d+)`)

// unknownOperator is what it says of an operator that it does not have.
var unknownOperator = regexp.MustCompile(`(?:No Op registered for ([\w.]{1,120}) with domain_version|([\w.:()-]{1,120}) is not a registered function/op)`)

// refusal says that the library refuses a file, for clients too: what it said itself is detail.
func refusal(said string) string {
	if sets := tooNew.FindStringSubmatch(said); sets != nil {
		return fmt.Sprintf("ONNX Runtime refuses to load it: it needs operator set %s, and this library has them up to %s; export it for that one, or use a newer library", sets[1], sets[2])
	}
	if operator := unknownOperator.FindStringSubmatch(said); operator != nil {
		return fmt.Sprintf("ONNX Runtime refuses to load it: it needs the operator %s, which this library does not have: export it without, or use a newer library", operator[1]+operator[2])
	}
	return "ONNX Runtime refuses to load it; sluice check and the log have its words: mend the model, and export it again"
}

// head keeps the beginning of what a trial process writes.
type head struct{ child.Beginning }

func (h *head) line() string { return oneLine(h.Bytes()) }

// outOfMemory tells whether the process says that the system gave it no more.
func (h *head) outOfMemory() bool {
	return bytes.Contains(h.Bytes(), []byte("out of memory")) || bytes.Contains(h.Bytes(), []byte("cannot allocate memory"))
}

// oneLine is a text of another process in one line, cut off where it is long.
func oneLine(text []byte) string {
	line := strings.Join(strings.Fields(string(bytes.ToValidUTF8(text, []byte("?")))), " ")
	line = line[:min(len(line), maxTrialOutput)]
	if line == "" {
		return "it said nothing"
	}
	return line
}

// printable is a sentence of another process, with its line breaks and nothing else that a terminal
// would not show.
func printable(text []byte) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) || r == '\n' {
			return r
		}
		return '?'
	}, strings.ToValidUTF8(string(text), "?"))
}
