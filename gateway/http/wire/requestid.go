package wire

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"

	"sluice/internal/accesslog"
)

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
