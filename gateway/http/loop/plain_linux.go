package loop

import (
	"bytes"
	"strconv"
	"syscall"
	"unsafe"

	"github.com/valyala/fasthttp"
	"golang.org/x/sys/unix"

	"sluice/internal/clock"
	"sluice/internal/http1"
	"sluice/internal/memory"
)

// How a worker serves plain requests, from the bytes that a socket gave to those that it takes.

// take serves the whole request at the start of p and keeps the rest. p is the worker's or the
// socket's own buffer.
func (w *worker) take(k *Socket, p []byte) {
	for len(p) >= 2 && p[0] == '\r' && p[1] == '\n' { // left over by a sloppy client
		p = p[2:]
	}
	if len(p) == 0 {
		k.kept.Release()
		return
	}
	h, why := http1.ScanRequest(p, &w.opt.Head)
	if why != http1.None || h.Size > 0 && !(h.Plain && h.Body <= MaxBody && ordinary(p, h.Body)) {
		w.handOver(k, p, nil)
		return
	}
	size := h.Size + int(h.Body)
	if h.Size == 0 || size > len(p) {
		if !w.keep(k, p) {
			w.handOver(k, p, nil)
			return
		}
		w.setPartial(k, true)
		return
	}
	if !w.parse(p[:h.Size]) {
		w.handOver(k, p, nil)
		return
	}
	w.setPartial(k, false)
	k.last = h.Last
	w.serve(k, p[h.Size:size], p[size:])
	switch {
	case k.closed:
	case !w.keep(k, p[size:]):
		w.drop(k) // it has sent requests ahead that there is no memory for
	case !k.busy && !k.held:
		k.since = clock.Now()
		if len(k.kept.Bytes) > 0 {
			w.queueUp(k)
		}
	}
}

// keep keeps p, which may be the end of what is kept, until more comes; false if there is no memory for it.
func (w *worker) keep(k *Socket, p []byte) bool {
	if len(p) == 0 {
		k.kept.Release()
		return true
	}
	if !k.kept.Grow(w.opt.Bodies, len(p)) {
		return false
	}
	k.kept.Bytes = append(k.kept.Bytes[:0], p...)
	return true
}

// ordinary reports whether a request is a GET or HEAD without a body, or a POST, for a target of
// which every reader makes the same.
func ordinary(p []byte, body int64) bool {
	var target []byte
	switch {
	case len(p) > 5 && string(p[:5]) == "POST ":
		target = p[5:]
	case len(p) > 4 && string(p[:4]) == "GET " && body == 0:
		target = p[4:]
	case len(p) > 5 && string(p[:5]) == "HEAD " && body == 0:
		target = p[5:]
	default:
		return false
	}
	for i, b := range target {
		if b == ' ' {
			return i > 0 && target[0] == '/'
		}
		if !isPlainTarget[b] {
			return false
		}
	}
	return false
}

var isPlainTarget = func() (t [256]bool) {
	for b := range t {
		t[b] = http1.IsDigit(byte(b)) || 'a' <= b|0x20 && b|0x20 <= 'z'
	}
	for _, b := range "/-._~:" {
		t[b] = true
	}
	return t
}()

// parse reads a header block that the scan let through; false if fasthttp's server might refuse its host.
func (w *worker) parse(block []byte) bool {
	w.ctx.Request.Reset()
	w.header.Reset(block)
	w.reader.Reset(&w.header)
	header := &w.ctx.Request.Header
	return header.Read(w.reader) == nil && plainHost(header.Host())
}

// plainHost reports whether a host is a name or an IPv4 address, with or without a port.
func plainHost(host []byte) bool {
	name, port, hasPort := bytes.Cut(host, []byte(":"))
	for _, b := range name {
		if !http1.IsDigit(b) && (b|0x20 < 'a' || 'z' < b|0x20) && b != '.' && b != '-' {
			return false
		}
	}
	for _, b := range port {
		if !http1.IsDigit(b) {
			return false
		}
	}
	return len(name) > 0 && len(port) < 6 && (len(port) > 0 || !hasPort)
}

// serve begins with a request, which has been parsed but for its body; rest is what came after it.
func (w *worker) serve(k *Socket, body, rest []byte) {
	w.ctx.Request.SetBodyRaw(body)
	w.resetResponse()
	k.bodiless = w.ctx.Request.Header.IsHead()
	k.busy, k.used = true, true
	w.l.inFlight.Add(1)
	answered := false
	if k.request, answered = w.l.g.front.Begin(k, &w.ctx, k.since); !answered {
		w.submitted = true
		return
	}
	k.busy = false
	w.l.inFlight.Add(-1)
	w.answer(k, rest)
	w.cheap(k)
}

func (w *worker) resetResponse() {
	w.ctx.Response.Reset()
	w.ctx.Response.Header.SetNoDefaultContentType(true)
}

// answer writes the response; kept is what has been read beyond the request.
func (w *worker) answer(k *Socket, kept []byte) {
	resp := &w.ctx.Response
	resp.SkipBody = k.bodiless
	if k.last {
		resp.Header.SetConnectionClose()
	}
	last := resp.Header.ConnectionClose()
	w.out = appendHead(w.out[:0], resp)
	body := resp.Body()
	switch {
	case resp.SkipBody:
		body = nil
	case len(body) <= memory.MaxPooled:
		w.out, body = append(w.out, body...), nil
	}
	n, err := 0, unix.EAGAIN
	if body == nil { // else the socket would not take it at once, and a copy would take as much memory
		n, err = write(k.fd, w.out)
	}
	switch {
	case err == 0 && n == len(w.out):
		k.request.Sent()
		k.end()
		switch {
		case last && !k.last: // the client may send more before it reads of the end: linger
			w.handOver(k, nil, &Rest{Last: true})
		case last:
			w.drop(k)
		}
	case err == 0 || err == unix.EAGAIN || err == unix.EINTR:
		w.handOver(k, kept, &Rest{Head: w.out[n:], Body: body, Last: last})
	default:
		k.end()
		w.drop(k)
	}
}

// appendHead appends an answer's head as fasthttp's server writes it.
func appendHead(dst []byte, resp *fasthttp.Response) []byte {
	h, length := &resp.Header, len(resp.Body())
	if code := h.StatusCode(); code == fasthttp.StatusOK {
		dst = append(dst, "HTTP/1.1 200 OK\r\n"...)
	} else {
		dst = strconv.AppendInt(append(dst, "HTTP/1.1 "...), int64(code), 10)
		dst = append(append(append(dst, ' '), fasthttp.StatusMessage(code)...), "\r\n"...)
	}
	told := false
	for name, value := range h.All() {
		if !told && string(name) != "Content-Type" && string(name) != "Content-Encoding" {
			dst, told = appendLength(dst, length), true
		}
		dst = append(append(append(append(dst, name...), ": "...), value...), "\r\n"...)
	}
	if !told {
		dst = appendLength(dst, length)
	}
	return append(dst, "\r\n"...)
}

func appendLength(dst []byte, n int) []byte {
	return append(strconv.AppendInt(append(dst, "Content-Length: "...), int64(n), 10), "\r\n"...)
}

// write does not block, so that the runtime need not hear of it.
func write(fd int, p []byte) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}
