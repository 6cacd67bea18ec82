package telemetry

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.uber.org/zap/buffer"
	"go.uber.org/zap/zapcore"
)

// console writes lines for people: time, level, message, and the fields as key=value. On a terminal
// it breaks them between words, and leaves the date out.
type console struct {
	zapcore.Encoder // of the fields alone, as JSON
	columns         int
}

var consoleBuffers = buffer.NewPool()

func newConsole(keys zapcore.EncoderConfig, columns int) zapcore.Encoder {
	keys.TimeKey, keys.LevelKey, keys.MessageKey, keys.NameKey = "", "", "", ""
	return console{zapcore.NewJSONEncoder(keys), columns}
}

func (c console) Clone() zapcore.Encoder { return console{c.Encoder.Clone(), c.columns} }

func (c console) EncodeEntry(e zapcore.Entry, fields []zapcore.Field) (*buffer.Buffer, error) {
	raw, err := c.Encoder.EncodeEntry(zapcore.Entry{}, fields)
	if err != nil {
		return nil, err
	}
	defer raw.Free()
	pairs, err := fieldTexts(raw.Bytes())
	if err != nil {
		return nil, err
	}
	stamp := e.Time.UTC().Format(timeLayout)
	if c.columns > 0 {
		stamp = e.Time.Format("15:04:05")
	}
	level := e.Level.String()
	head := stamp + " " + level + strings.Repeat(" ", max(0, 5-len(level)))
	out := consoleBuffers.Get()
	writeBroken(out, head, append(strings.Fields(e.Message), pairs...), c.columns)
	return out, nil
}

// fieldTexts are the words of the fields of a JSON object, in their order.
func fieldTexts(object []byte) (words []string, err error) {
	d := json.NewDecoder(bytes.NewReader(object))
	if _, err = d.Token(); err != nil { // the brace
		return nil, err
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		text := string(value)
		var plain string
		if json.Unmarshal(value, &plain) == nil && plain != "" && !strings.ContainsFunc(plain, needsQuotes) {
			text = plain
		}
		words = append(words, strings.Split(key.(string)+"="+text, " ")...)
	}
	return words, nil
}

// needsQuotes reports whether a text with the character is written as JSON, so that its end is seen
// and it cannot write to the terminal.
func needsQuotes(c rune) bool { return c <= ' ' || c == '"' || c == 0x7f || c == utf8.RuneError }

// shown is a character, or what stands for one that would move the cursor.
func shown(c rune) rune {
	if unicode.IsControl(c) {
		return utf8.RuneError
	}
	return c
}

// writeBroken writes words behind a head, on as many lines as that takes.
func writeBroken(out *buffer.Buffer, head string, words []string, columns int) {
	out.AppendString(head)
	at := utf8.RuneCountInString(head)
	const indent = "         " // below the level
	for _, word := range words {
		word = strings.Map(shown, word)
		n := utf8.RuneCountInString(word)
		if columns > 0 && at+1+n > columns {
			out.AppendString("\n" + indent)
			at = len(indent)
		} else {
			out.AppendByte(' ')
			at++
		}
		out.AppendString(word)
		at += n
	}
	out.AppendByte('\n')
}
