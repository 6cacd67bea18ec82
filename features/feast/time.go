package feast

import (
	"math"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// Time reads a message Timestamp as nanoseconds since 1970. It gives 0, a time that is not known, for bytes that are damaged
// and for times before 1678 or after 2262.
func Time(message []byte) int64 {
	var seconds, nanos int64
	for len(message) > 0 {
		number, wire, n := protowire.ConsumeTag(message)
		if n < 0 {
			return 0
		}
		message = message[n:]
		if n = protowire.ConsumeFieldValue(number, wire, message); n < 0 {
			return 0
		}
		if wire == protowire.VarintType {
			v, _ := protowire.ConsumeVarint(message)
			switch number {
			case 1:
				seconds = int64(v)
			case 2:
				nanos = int64(int32(v))
			}
		}
		message = message[n:]
	}
	return Nanos(seconds, nanos)
}

// Nanos joins seconds and nanoseconds since 1970; it gives 0 where the nanoseconds do not fit.
func Nanos(seconds, nanos int64) int64 {
	const most = math.MaxInt64/int64(time.Second) - 1
	if seconds < -most || seconds > most || nanos < 0 || nanos >= int64(time.Second) {
		return 0
	}
	return seconds*int64(time.Second) + nanos
}
