package rig

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sluice/internal/tensor"
)

// Each way for a request to end is told apart: the drill's figures are no better than this.
func TestOutcomes(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch say, _, _ := strings.Cut(string(body), " "); say {
		case "hang-up":
			panic(http.ErrAbortHandler)
		case "last":
			w.Header().Set("Connection", "close")
			fallthrough
		case "right":
			fmt.Fprint(w, `{"model_name":"m","model_version":"1","outputs":[{"name":"y","datatype":"FP64","shape":[1],"data":[1.5]}]}`)
		case "wrong":
			fmt.Fprint(w, `{"model_name":"m","model_version":"1","outputs":[{"name":"y","datatype":"FP64","shape":[1],"data":[1.6]}]}`)
		case "deadline":
			w.WriteHeader(http.StatusGatewayTimeout)
			fmt.Fprint(w, `{"code":"DEADLINE_EXCEEDED"}`)
		case "short":
			w.WriteHeader(http.StatusGatewayTimeout)
			fmt.Fprint(w, `{"code":"BUDGET_TOO_SHORT"}`)
		case "shed":
			w.WriteHeader(http.StatusTooManyRequests)
		case "bad":
			w.WriteHeader(http.StatusBadRequest)
		default:
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	defer server.Close()
	addr := strings.TrimPrefix(server.URL, "http://")
	w := newWire(5 * time.Second)
	defer w.end()
	answers := map[string][]tensor.Tensor{"1": {{Name: "y", Type: tensor.FP64, Shape: []int64{1}, Data: tensor.AppendFloat(nil, tensor.FP64, 1.5)}}}
	f := func(say string, want Outcome, more int) {
		t.Helper()
		q := Question{Model: "m", Body: []byte(say), Answers: answers}
		switch say {
		case "bad", "right-though-bad":
			q.Want = http.StatusBadRequest
		case "leave":
			q.LeaveAfter = time.Millisecond
		}
		before := len(w.mu.idle[addr])
		r := w.ask(addr, &q, time.Now(), 0)
		if r.Outcome != want || r.Good != (q.Want == 0 && q.LeaveAfter == 0) {
			t.Errorf("%s: %+v, want %s", say, r, want)
		}
		if got := len(w.mu.idle[addr]) - before; got != more {
			t.Errorf("%s: %d connections more are idle, want %d", say, got, more)
		}
	}
	f("right", OK, 1)
	f("right", OK, 0)
	f("shed", No, 0)
	f("short", No, 0)
	f("deadline", Deadline, 0)
	f("bad", Bad, 0)
	f("wrong", Wrong, -1) // a connection on which something went wrong is not used again
	f("right", OK, 1)
	f("last", OK, -1)
	f("other", Odd, 0)
	f("hang-up", Lost, 0)
	f("right-though-bad", Odd, 0)
	f("leave", Left, 0)
	server.Close()
	f("right", Refused, 0)

	s := Tally([]Record{
		{Outcome: OK, Took: 30, Served: 30, Budget: 20}, {Outcome: OK, Took: 10, Served: 10, Budget: 20}, {Outcome: Lost, Due: time.Second},
	}, 0, time.Second, nil)
	if s.Sent != 2 || s.OK != 2 || s.Late != 1 || s.Lost != 0 || s.P99 != 30 {
		t.Errorf("the sum of the first second is %+v", s)
	}
}
