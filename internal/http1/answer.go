package http1

import "bytes"

// Answer is what the head of an answer says of its frame. Its reader gives it the status line, and then
// each field.
type Answer struct {
	Status int
	// Length is Content-Length; -1 if it is not told.
	Length int64
	// Chunked says that the body comes in chunks, which comes before Length.
	Chunked bool
	// Close says that the server ends the connection after the answer.
	Close bool
}

// Begins reports whether p begins like an answer, as far as can be told.
func Begins(p []byte) bool {
	n := min(len(p), len(version))
	return bytes.Equal(p[:n], version[:n])
}

var version = []byte("HTTP/1.")

// ReadStatus reads the status line of a head and returns the fields; ok is false if it is none.
func (a *Answer) ReadStatus(head []byte) (fields []byte, ok bool) {
	line, fields, _ := CutLine(head)
	if len(line) < len("HTTP/1.1 200") || !Begins(line) || line[8] != ' ' {
		return nil, false
	}
	status, ok := Decimal(line[9:12])
	*a = Answer{Status: int(status), Length: -1, Close: line[7] == '0'}
	return fields, ok && status >= 100
}

// ReadField takes note of a field that frames the body; ok is false if nobody can tell how.
func (a *Answer) ReadField(name, value []byte) (ok bool) {
	switch len(name) {
	case len("content-length"):
		if FoldEqual(name, "content-length") {
			n, ok := Decimal(value)
			if !ok || n > maxLength || a.Length >= 0 && a.Length != n {
				return false
			}
			a.Length = n
		}
	case len("transfer-encoding"):
		if FoldEqual(name, "transfer-encoding") {
			a.Chunked = FoldEqual(value, "chunked")
		}
	case len("connection"):
		if FoldEqual(name, "connection") {
			a.Close = HasClose(value) || a.Close && !FoldEqual(value, "keep-alive")
		}
	}
	return true
}

// maxLength is the most that an answer's Content-Length is believed: 1 TB.
const maxLength = 1e12

// Bodiless reports whether the status alone says that there is no body.
func (a *Answer) Bodiless() bool {
	return a.Status < 200 || a.Status == 204 || a.Status == 304
}
