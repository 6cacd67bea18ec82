package telemetry

import (
	"fmt"
	"io"
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// LogOptions describe where and how lines are written.
type LogOptions struct {
	// Level is debug, info, warn or error; empty means info.
	Level string
	// Format is json or console; empty means json.
	Format string
	// Columns is the width of the terminal that shows a console; 0 is none.
	Columns int
	// Output takes the lines, one Write each; a Spool, where a reader must hold nothing up.
	Output io.Writer
}

// NewLog makes a log. It never samples: a line stands for a change of state, and what
// may repeat goes through a Throttle.
func NewLog(o LogOptions) (*zap.Logger, error) {
	level := zapcore.InfoLevel
	if o.Level != "" {
		var err error
		if level, err = zapcore.ParseLevel(o.Level); err != nil {
			return nil, fmt.Errorf("cannot make a log: level %q is none of debug, info, warn, error", o.Level)
		}
	}
	keys := zapcore.EncoderConfig{
		TimeKey: "time", LevelKey: "level", MessageKey: "msg", NameKey: "from",
		EncodeLevel:    zapcore.LowercaseLevelEncoder,
		EncodeTime:     encodeTime,
		EncodeDuration: zapcore.StringDurationEncoder,
		EncodeName:     zapcore.FullNameEncoder,
	}
	var encoder zapcore.Encoder
	switch o.Format {
	case "", "json":
		encoder = zapcore.NewJSONEncoder(keys)
	case "console":
		encoder = newConsole(keys, o.Columns)
	default:
		return nil, fmt.Errorf("cannot make a log: format %q is none of json, console", o.Format)
	}
	return zap.New(zapcore.NewCore(encoder, zapcore.Lock(zapcore.AddSync(o.Output)), level)), nil
}

const timeLayout = "2006-01-02T15:04:05.000Z07:00"

func encodeTime(t time.Time, to zapcore.PrimitiveArrayEncoder) {
	to.AppendString(t.UTC().Format(timeLayout))
}

// throttleEvery is the interval of a Throttle.
const throttleEvery = 10 * time.Second

// Throttle lets one line of a kind through in ten seconds and counts the others. Keep one for
// each kind of line.
type Throttle struct {
	mu struct {
		sync.Mutex
		next    time.Time
		skipped int
	}
}

// Warn writes the line, or counts it into the `repeated` field of the next one.
func (t *Throttle) Warn(log *zap.Logger, msg string, fields ...zap.Field) {
	if skipped, ok := t.allow(time.Now()); ok {
		if skipped > 0 {
			fields = append(fields[:len(fields):len(fields)], zap.Int("repeated", skipped))
		}
		log.Warn(msg, fields...)
	}
}

func (t *Throttle) allow(now time.Time) (skipped int, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.Before(t.mu.next) {
		t.mu.skipped++
		return 0, false
	}
	skipped, t.mu.skipped, t.mu.next = t.mu.skipped, 0, now.Add(throttleEvery)
	return skipped, true
}
