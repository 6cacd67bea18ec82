package wire

import (
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"sluice/internal/fault"
)

// Where waiting helps, a refusal says how long twice: in whole seconds, the only unit of Retry-After, for
// proxies; and in milliseconds, as exactly as it is predicted, for callers with a budget.

// retryJitter is the largest part that is added to a predicted wait: callers that were refused
// together must not come back together.
const retryJitter = 4

// comeBack is after how long to ask again with the same budget; 0 if that is not known.
func comeBack(f *fault.Error) time.Duration {
	if f.RetryAfter <= 0 || RetryAfter(f) == 0 {
		return 0
	}
	return f.RetryAfter + rand.N(f.RetryAfter/retryJitter+1)
}

// RetryAfter is the value of the Retry-After header in whole seconds, at least one;
// 0 if the fault is not of a kind that time heals.
func RetryAfter(f *fault.Error) int {
	switch f.Kind {
	case fault.Overloaded, fault.ModelNotReady, fault.FeatureUnavailable, fault.NoCapacity, fault.Draining:
		return max(1, int((f.RetryAfter+time.Second-1)/time.Second))
	}
	return 0
}

// sayRetry sets the headers of a fault that time heals. again is what comeBack said.
func sayRetry(h *fasthttp.ResponseHeader, f *fault.Error, again time.Duration) {
	var digits [24]byte
	if seconds := RetryAfter(f); seconds > 0 {
		h.SetCanonical(headerRetryAfter, strconv.AppendInt(digits[:0], int64(seconds), 10))
	}
	if again > 0 {
		h.SetCanonical(headerRetryAfterMs, AppendMillis(digits[:0], again))
	}
}

// appendRetry appends the same to an answer that bypasses fasthttp.
func appendRetry(dst []byte, f *fault.Error, again time.Duration) []byte {
	if seconds := RetryAfter(f); seconds > 0 {
		dst = append(strconv.AppendInt(append(dst, "Retry-After: "...), int64(seconds), 10), "\r\n"...)
	}
	if again > 0 {
		dst = append(append(append(dst, headerRetryAfterMs...), ": "...), AppendMillis(nil, again)...)
		dst = append(dst, "\r\n"...)
	}
	return dst
}

// AppendMillis appends d in milliseconds with three decimals.
func AppendMillis(dst []byte, d time.Duration) []byte {
	us := max(0, d.Microseconds())
	dst = strconv.AppendInt(dst, us/1000, 10)
	us %= 1000
	return append(dst, '.', byte('0'+us/100), byte('0'+us/10%10), byte('0'+us%10))
}
