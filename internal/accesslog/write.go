package accesslog

import (
	"bytes"
	"time"
	"unsafe"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"sluice/internal/clock"
)

const (
	// flushEvery is how often the buffer is written; perSecond of them are a second.
	flushEvery = 250 * time.Millisecond
	perSecond  = 4
	// chunk is written at once.
	chunk = 64 << 10
)

// run writes until Close.
func (l *Log) run() {
	defer close(l.done)
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for n := 1; ; {
		select {
		case <-l.stop:
			l.flush(true)
			l.out.close()
			return
		case <-l.wake:
			l.flush(false)
		case <-l.look:
			l.flush(false) // what was answered before goes where it was
			l.follow()
		case <-tick.C:
			second := n%perSecond == 0
			n++
			l.flush(second)
			if second {
				l.nextSecond()
			}
		}
	}
}

// nextSecond begins the counts anew and looks whether the file is still where it was.
func (l *Log) nextSecond() {
	for why := range l.second {
		l.second[why].Store(0)
	}
	l.follow()
}

func (l *Log) follow() {
	if err := l.out.follow(); err != nil {
		l.throttle.Warn(l.opt.Log, "cannot open the access log again; writing on to the file that was moved", zap.String("access_log.file", l.opt.File), zap.Error(err))
	}
}

// flush writes what waits; at the end of a second also the slowest request of it.
func (l *Log) flush(second bool) {
	l.mu.Lock()
	l.taken, l.mu.waiting = l.mu.waiting, l.taken[:0]
	if second {
		if l.mu.slowest.Why != No && int64(l.mu.slowest.Total) >= l.slowest.Load() {
			l.taken = append(l.taken, l.mu.slowest)
		}
		l.mu.slowest.Why, l.mu.slowest.Total = No, 0
		l.slowest.Store(0)
	}
	l.mu.Unlock()
	l.encoder.begin()
	lines := 0
	for i := range l.taken {
		l.encoder.add(&l.taken[i])
		lines++
		if len(l.encoder.out) >= chunk || i == len(l.taken)-1 {
			l.write(lines)
			lines = 0
		}
	}
}

// write writes the encoder's lines, or loses them, or some of them.
func (l *Log) write(lines int) {
	if n, err := l.out.write(l.encoder.out); err != nil {
		whole := bytes.Count(l.encoder.out[:n], []byte("\n"))
		l.lines.Add(uint64(whole))
		l.dropped.Add(uint64(lines - whole))
		l.throttle.Warn(l.opt.Log, "lines of the access log are lost", zap.String("access_log.file", l.opt.File), zap.Error(err))
	} else {
		l.lines.Add(uint64(lines))
	}
	l.encoder.out = l.encoder.out[:0]
}

// encoder makes lines of entries. It allocates nothing in steady state.
type encoder struct {
	json   zapcore.Encoder
	fields []zapcore.Field
	out    []byte
	peer   []byte
	wall   time.Time // at the instant now
	now    clock.Instant
}

func newEncoder() encoder {
	return encoder{json: zapcore.NewJSONEncoder(zapcore.EncoderConfig{
		TimeKey:    "time",
		EncodeTime: zapcore.TimeEncoderOfLayout("2006-01-02T15:04:05.000000Z07:00"),
	})}
}

// begin reads the clocks.
func (e *encoder) begin() { e.wall, e.now = time.Now().UTC(), clock.Now() }

// add appends a line.
func (e *encoder) add(a *Entry) {
	e.fields = e.fields[:0]
	text := a.text[:]
	id, text := text[:a.id], text[a.id:]
	method, path := text[:a.method], text[a.method:][:a.path]
	e.str("why", whyNames[a.Why])
	e.str("request_id", view(id))
	if a.Peer.IsValid() {
		e.peer = a.Peer.AppendTo(e.peer[:0])
		e.str("peer", view(e.peer))
	}
	e.str("method", view(method))
	e.str("path", view(path))
	e.fields = append(e.fields, zap.Int("status", a.Status))
	e.str("code", a.Code)
	e.str("model", a.Model)
	e.str("version", a.Version)
	e.count("rows", a.Rows)
	e.str("device", a.Device)
	e.str("reason", a.Reason)
	e.count("batch", a.Batch)
	e.millis("budget_ms", a.Budget)
	e.fields = append(e.fields, zap.Int("bytes_in", a.BytesIn), zap.Int("bytes_out", a.BytesOut))
	e.millis("decode_ms", a.Decode)
	e.millis("queue_ms", a.Queue)
	e.millis("run_ms", a.Run)
	e.millis("encode_ms", a.Encode)
	e.fields = append(e.fields, zap.Float64("total_ms", inMillis(a.Total)))
	if a.Late {
		e.fields = append(e.fields, zap.Bool("late", true))
	}
	e.count("skipped", int(a.skipped))
	line, err := e.json.EncodeEntry(zapcore.Entry{Time: e.wall.Add(-e.now.Sub(a.Arrived))}, e.fields)
	if err != nil {
		panic("BUG: cannot encode a line of the access log: " + err.Error())
	}
	e.out = append(e.out, line.Bytes()...)
	line.Free()
}

func (e *encoder) str(key, value string) {
	if value != "" {
		e.fields = append(e.fields, zap.String(key, value))
	}
}

func (e *encoder) count(key string, n int) {
	if n > 0 {
		e.fields = append(e.fields, zap.Int(key, n))
	}
}

func (e *encoder) millis(key string, d time.Duration) {
	if d > 0 {
		e.fields = append(e.fields, zap.Float64(key, inMillis(d)))
	}
}

func inMillis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// view is b as a string without a copy; it is good as long as b is.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
