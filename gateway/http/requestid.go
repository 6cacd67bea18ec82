package httpfront

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"

	"sluice/internal/accesslog"
)

// maxRequestID bounds an X-Request-Id that is taken, in bytes; the access log has each whole.
const maxRequestID = accesslog.MaxID

// appendRequestID appends the id that a client has given, or a new one where it has given none, or
// one that is longer than maxRequestID or has other bytes than visible ASCII. A new id is 128 random
// bits: they come from a generator with a seed of the system's, so replicas do not meet, and
// nothing is shared between requests.
func appendRequestID(dst, given []byte) []byte {
	if validRequestID(given) {
		return append(dst, given...)
	}
	var bits [16]byte
	binary.LittleEndian.PutUint64(bits[:8], rand.Uint64())
	binary.LittleEndian.PutUint64(bits[8:], rand.Uint64())
	return hex.AppendEncode(dst, bits[:])
}

func validRequestID(id []byte) bool {
	if len(id) == 0 || len(id) > maxRequestID {
		return false
	}
	for _, b := range id {
		if b <= ' ' || b > '~' {
			return false
		}
	}
	return true
}
