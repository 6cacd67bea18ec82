package httpfront

import (
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sluice/gateway"
	"sluice/internal/clock"
	"sluice/internal/fault"
	"sluice/internal/task"
)

// arrivals counts the requests that were decoded, and those that were refused before.
type arrivals struct{ decoded, refused atomic.Int32 }

func (a *arrivals) ended(x *gateway.Exchange) {
	if x.Decoded {
		a.decoded.Add(1)
	} else {
		a.refused.Add(1)
	}
}

func (a *arrivals) ends() int32 { return a.decoded.Load() + a.refused.Load() }

// slowModel has a budget of 100 ms and takes longer than a second, so that it refuses all that
// names no longer budget.
func slowModel() *fakeModel {
	model := simpleModel()
	model.info.Budget = 100 * time.Millisecond
	run := model.run
	refuse := func(deadline clock.Instant) error {
		if deadline.Sub(clock.Now()) < time.Second {
			return &fault.Error{Kind: fault.Overloaded, Text: "the model takes longer"}
		}
		return nil
	}
	model.admitAt = refuse
	model.run = func(t *task.Task) error {
		if err := refuse(t.Deadline); err != nil {
			return err
		}
		return run(t)
	}
	return model
}

// A model that refuses what names no budget takes what names a longer one, wherever in the body
// that stands and however the body comes; and what names none is still refused undecoded.
func TestTimeoutLengthensTheBudget(t *testing.T) {
	var seen arrivals
	e := serve(t, newFakeModels(slowModel()), func(o *setup) { o.Core.Ended = []gateway.Listener{{Name: "test", Ended: seen.ended}} })
	blob := "{" + `%s` + inputs(input("INPUT0", "INT32", "[1,16]", blob64), input("INPUT1", "INT32", "[1,16]", blob64)) + `%s}`
	filler := `"note":"` + strings.Repeat("x", 8<<10) + `",`
	escaped := `"note":"\u0041` + strings.Repeat("x", 8<<10) + `",`
	f := func(name, first, last string, status int, early bool, headers ...string) {
		t.Helper()
		if last != "" {
			last = "," + last
		}
		plain := strings.TrimSuffix(simpleBody(first), "}") + last + "}"
		head := fmt.Sprintf(blob, first, last)
		binary := head + string(count(1)) + string(count(1))
		length := "Inference-Header-Content-Length: " + strconv.Itoa(len(head))
		for form, raw := range map[string]string{
			"JSON":            post(simpleInfer, plain, headers...),
			"binary":          post(simpleInfer, binary, append(headers, length)...),
			"JSON, gzip":      post(simpleInfer, packed(t, "gzip", plain), append(headers, "Content-Encoding: gzip")...),
			"JSON, deflate":   post(simpleInfer, packed(t, "deflate", plain), append(headers, "Content-Encoding: deflate")...),
			"binary, gzip":    post(simpleInfer, packed(t, "gzip", binary), append(headers, "Content-Encoding: gzip", length)...),
			"binary, deflate": post(simpleInfer, packed(t, "deflate", binary), append(headers, "Content-Encoding: deflate", length)...),
			"JSON, chunked":   chunkedPost(plain, headers...),
			"JSON, HTTP/1.0":  strings.Replace(post(simpleInfer, plain, headers...), "HTTP/1.1", "HTTP/1.0", 1),
		} {
			before, ended := seen.decoded.Load(), seen.ends()
			a := e.send(raw)
			e.eventually("the prediction has ended", func() bool { return seen.ends() > ended })
			if a.status != status {
				t.Errorf("%s, %s: got %d %s, want %d", name, form, a.status, a.body, status)
			}
			if decoded := seen.decoded.Load() > before; decoded == early {
				t.Errorf("%s, %s: decoded is %v, want %v", name, form, decoded, !early)
			}
		}
	}
	const second = `"parameters":{"timeout":5000000}`
	f("none", ``, ``, 429, true)
	f("none, long", filler, ``, 429, true)
	f("none, but it cannot be told", escaped, ``, 429, false)
	f("first", second+",", ``, 200, false)
	f("last", ``, second, 200, false)
	f("last, long", filler, second, 200, false)
	f("first, long", second+","+filler, ``, 200, false)
	f("under an escaped name, long", filler, `"parameters":{"\u0074imeout":5000000}`, 200, false)
	f("too short", ``, `"parameters":{"timeout":500000}`, 429, true)
	f("too short, long", filler, `"parameters":{"timeout":500000}`, 429, false)
	f("none but the word", filler, `"outputs":[{"name":"OUTPUT0","parameters":{"timeout":5}}]`, 429, false)
	f("as long as is allowed", ``, `"parameters":{"timeout":600000000}`, 200, false)
	f("too long", ``, `"parameters":{"timeout":600000001}`, 400, true)
	f("too long, long", filler, `"parameters":{"timeout":600000001}`, 400, true) // by the decoder
	f("zero", ``, `"parameters":{"timeout":0}`, 429, true)
	f("beside a header", ``, second, 429, true, "Sluice-Budget-Ms: 500")
	f("shorter than a header", ``, second, 200, false, "Sluice-Budget-Ms: 20000")
	f("longer than allowed, beside a header", ``, `"parameters":{"timeout":600000001}`, 200, false, "Sluice-Budget-Ms: 20000")
}

// The refusal of a timeout names it, the limit and the setting.
func TestTooLongTimeout(t *testing.T) {
	e := serve(t, fixtures(), func(o *setup) { o.Core.Limits.MaxBudget = 20 * time.Second })
	a := e.send(post(simpleInfer, simpleBody(`"parameters":{"timeout":20000001},`)))
	if want := `{"error":"parameter 'timeout' is 20000001 microseconds; it must be at most 20000000 (limits.max_budget)","code":"INVALID_TIMEOUT"}`; a.status != 400 || a.body != want {
		t.Errorf("got %d %s, want %s", a.status, a.body, want)
	}
	// A model whose own budget is longer bounds it in the setting's place.
	own := serve(t, fixtures(), func(o *setup) { o.Core.Limits.MaxBudget = 5 * time.Second })
	if a := own.send(post(simpleInfer, simpleBody(`"parameters":{"timeout":10000000},`))); a.status != 200 {
		t.Errorf("the model's own budget as a timeout got %d %s", a.status, a.body)
	}
	if a := own.send(post(simpleInfer, simpleBody(`"parameters":{"timeout":10000001},`))); a.status != 400 || !strings.Contains(a.body, "it must be at most 10000000 (limits.max_budget)") {
		t.Errorf("a microsecond more got %d %s", a.status, a.body)
	}
	a = e.send(post(simpleInfer, simpleBody(""), "Sluice-Budget-Ms: 20001"))
	if want := `{"error":"Sluice-Budget-Ms must be a number of milliseconds above 0 and at most 20000 (limits.max_budget)","code":"INVALID_TIMEOUT"}`; a.status != 400 || a.body != want {
		t.Errorf("got %d %s, want %s", a.status, a.body, want)
	}
}

// What looks compressed and is not, or is damaged, gets the answer that it gets without pressure.
func TestTimeoutInDamagedBodies(t *testing.T) {
	e := serve(t, newFakeModels(slowModel()), nil)
	whole := packed(t, "gzip", simpleBody(`"note":"`+strings.Repeat("0123456789abcdef", 4<<10)+`",`))
	f := func(body, want string, headers ...string) {
		t.Helper()
		if a := e.send(post(simpleInfer, string(body), headers...)); a.status != 400 || !strings.Contains(a.body, want) {
			t.Errorf("got %d %s, want %s", a.status, a.body, want)
		}
	}
	f(whole[:len(whole)-9], "BAD_COMPRESSION", "Content-Encoding: gzip")
	f(strings.Repeat("\x1f\x8b", 40), "BAD_COMPRESSION", "Content-Encoding: gzip")
	f("x\x9c", "BAD_COMPRESSION", "Content-Encoding: deflate")
	// The header alone says what a body is.
	f("\x1f\x8b"+simpleBody(`"parameters":{"timeout":5000000},`), "INVALID_JSON")
	f(simpleBody(`"parameters":{"timeout":5000000},`), "BAD_COMPRESSION", "Content-Encoding: gzip")
}

// chunkedPost is a request to the simple model in chunks of 1,000 bytes.
func chunkedPost(body string, headers ...string) string {
	raw := "POST " + simpleInfer + " HTTP/1.1\r\nHost: h\r\n"
	for _, h := range headers {
		raw += h + "\r\n"
	}
	raw += "Transfer-Encoding: chunked\r\n\r\n"
	for len(body) > 0 {
		n := min(len(body), 1000)
		raw += strconv.FormatInt(int64(n), 16) + "\r\n" + body[:n] + "\r\n"
		body = body[n:]
	}
	return raw + "0\r\n\r\n"
}
