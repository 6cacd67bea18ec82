package telemetry

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

func TestConsole(t *testing.T) {
	f := func(columns int, want, message string, fields ...zap.Field) {
		t.Helper()
		var out bytes.Buffer
		log, err := NewLog(LogOptions{Format: "console", Output: &out, Columns: columns})
		if err != nil {
			t.Fatal(err)
		}
		core := log.With(zap.String("model", "eta")).Core()
		entry := zapcore.Entry{Time: time.Date(2026, 11, 29, 23, 4, 5, 6e6, time.UTC), Level: zap.WarnLevel, Message: message}
		if columns > 0 {
			entry.Time = time.Date(2026, 11, 29, 23, 4, 5, 6e6, time.Local)
		}
		if err := core.Write(entry, fields); err != nil {
			t.Fatal(err)
		}
		if out.String() != want {
			t.Errorf("got\n%swant\n%s", out.String(), want)
		}
	}
	f(0, "2026-11-29T23:04:05.006Z warn  a line model=eta n=3 took=1.5s error=no ok=true list=[\"a\",\"b\"]\n", "a line",
		zap.Int("n", 3), zap.Duration("took", 1500*time.Millisecond), zap.Error(errors.New("no")), zap.Bool("ok", true), zap.Strings("list", []string{"a", "b"}))
	f(0, "2026-11-29T23:04:05.006Z warn  a model=eta reason=\"two words\" empty=\"\" escape=\"\\u001b[2J\"\n", "a",
		zap.String("reason", "two words"), zap.String("empty", ""), zap.String("escape", "\x1b[2J"))
	f(40, "23:04:05 warn  a message that is longer\n         than the line model=eta\n         reason=\"and so are its fields\"\n",
		"a message that is longer than the line", zap.String("reason", "and so are its fields"))
	f(40, "23:04:05 warn  a\ufffd[2J model=eta\n", "a\x1b[2J")
}

// Lines are as narrow as the terminal, unless a single word is wider.
func FuzzConsole(f *testing.F) {
	f.Add("a message", "key", "a value of words", 40)
	f.Add("", "", "\x00\n\"", 60)
	f.Fuzz(func(t *testing.T, message, key, value string, columns int) {
		var out bytes.Buffer
		log, err := NewLog(LogOptions{Format: "console", Output: &out, Columns: 20 + columns&127})
		if err != nil {
			t.Fatal(err)
		}
		log.Info(message, zap.String("k"+key, value))
		if !strings.HasSuffix(out.String(), "\n") {
			t.Fatalf("%q has no end", out.String())
		}
		for i, line := range strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n") {
			words := 0
			for word := range strings.SplitSeq(line, " ") {
				if word != "" {
					words++
				}
			}
			if most := map[bool]int{true: 3, false: 1}[i == 0]; utf8.RuneCountInString(line) > 20+columns&127 && words > most {
				t.Errorf("%q is wider than %d and could be broken", line, 20+columns&127)
			}
		}
	})
}
