package gateway

import (
	"bytes"

	"sluice/internal/fault"
)

// Coding is how a body is compressed.
type Coding uint8

// The codings of bodies and answers.
const (
	Identity Coding = iota
	Gzip
	Deflate
)

var (
	codingWords = [...][]byte{Identity: []byte("identity"), Gzip: []byte("gzip"), Deflate: []byte("deflate")}
	wordXGzip   = []byte("x-gzip")
)

// Word is the coding's name.
func (c Coding) Word() []byte { return codingWords[c] }

func trim(b []byte) []byte { return bytes.Trim(b, " \t") }

// ParseCoding reads a list of codings (Content-Encoding), of which one at most may be other than identity.
func ParseCoding(list []byte) (is Coding, f *fault.Error) {
	for len(list) > 0 {
		var name []byte
		name, list, _ = bytes.Cut(list, []byte(","))
		if name = trim(name); len(name) == 0 {
			continue
		}
		next, known := codingNamed(name)
		switch {
		case !known:
			return is, fault.New(fault.UnsupportedEncoding, "Unsupported compression type: Content-Encoding can be gzip, x-gzip, deflate or identity")
		case next == Identity:
		case is != Identity:
			return is, fault.New(fault.UnsupportedEncoding, "Unsupported compression type: Content-Encoding names more than one coding; a body can be compressed once")
		default:
			is = next
		}
	}
	return is, nil
}

// acceptable picks the coding of an Accept-Encoding header: the highest q wins, the
// first of equals; q=0 excludes; "*" and what is not known do not count. Codings are
// compared with identity only where the client lists it.
func acceptable(header []byte) Coding {
	best, bestQ := Identity, 0
	for len(header) > 0 {
		var item []byte
		item, header, _ = bytes.Cut(header, []byte(","))
		name, parameters, _ := bytes.Cut(item, []byte(";"))
		is, known := codingNamed(trim(name))
		if !known {
			continue
		}
		if q := quality(parameters); q > bestQ {
			best, bestQ = is, q
		}
	}
	return best
}

// codingNamed is the coding of a name, which has no case. x-gzip is gzip (RFC 9110, 8.4.1.3).
func codingNamed(name []byte) (is Coding, known bool) {
	if bytes.EqualFold(name, wordXGzip) {
		return Gzip, true
	}
	for is, word := range codingWords {
		if bytes.EqualFold(name, word) {
			return Coding(is), true
		}
	}
	return Identity, false
}

// quality reads ";q=" in thousandths; 1000 if there is none, 0 if it is malformed.
func quality(parameters []byte) int {
	parameters = trim(parameters)
	if len(parameters) == 0 {
		return 1000
	}
	if len(parameters) < 3 || parameters[0]|0x20 != 'q' || parameters[1] != '=' {
		return 0
	}
	digits, scale, q := parameters[2:], 1000, 0
	if len(digits) > 5 || len(digits) > 1 && digits[1] != '.' {
		return 0
	}
	for i, b := range digits {
		if i == 1 {
			continue
		}
		if b < '0' || b > '9' {
			return 0
		}
		q += int(b-'0') * scale
		scale /= 10
	}
	return min(q, 1000)
}
