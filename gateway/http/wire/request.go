package wire

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"

	"sluice/gateway"
	"sluice/internal/accesslog"
	"sluice/internal/fault"
	"sluice/internal/http1"
)

// ModelName appends the model's name that a segment of a path has, which clients percent-encode. Only letters,
// digits, '_', '.' and '-' can be in a name, so that it is never a path.
func ModelName(dst, segment []byte) ([]byte, *fault.Error) {
	for i := 0; i < len(segment); i++ {
		b := segment[i]
		if b == '%' {
			if i+2 >= len(segment) || unhex(segment[i+1]) > 15 || unhex(segment[i+2]) > 15 {
				return nil, badModelName()
			}
			b = unhex(segment[i+1])<<4 | unhex(segment[i+2])
			i += 2
		}
		if !gateway.NameByte(b) || len(dst) == gateway.MaxName {
			return nil, badModelName()
		}
		dst = append(dst, b)
	}
	if len(dst) == 0 || string(dst) == "." || string(dst) == ".." {
		return nil, badModelName()
	}
	return dst, nil
}

func badModelName() *fault.Error {
	return fault.Newf(fault.BadModelName, "a model name has 1 to %d letters, digits, '_', '.' or '-'", gateway.MaxName)
}

func unhex(b byte) byte {
	switch {
	case http1.IsDigit(b):
		return b - '0'
	case 'a' <= b|0x20 && b|0x20 <= 'f':
		return b | 0x20 - 'a' + 10
	}
	return 255
}

// AppendRequestID appends the id that a client has given, or a new one if that is not valid. A new id is 128
// random bits. The generator's seed comes from the system, so that replicas do not make the same ids, and
// requests share nothing.
func AppendRequestID(dst, given []byte) []byte {
	if ValidRequestID(given) {
		return append(dst, given...)
	}
	var bits [16]byte
	binary.LittleEndian.PutUint64(bits[:8], rand.Uint64())
	binary.LittleEndian.PutUint64(bits[8:], rand.Uint64())
	return hex.AppendEncode(dst, bits[:])
}

// ValidRequestID reports whether an id is taken as it is: visible ASCII, and short enough for the access log to
// have it whole.
func ValidRequestID(id []byte) bool {
	if len(id) == 0 || len(id) > accesslog.MaxID {
		return false
	}
	for _, b := range id {
		if b <= ' ' || b > '~' {
			return false
		}
	}
	return true
}
