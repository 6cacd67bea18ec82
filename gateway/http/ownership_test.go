package httpfront

import (
	"bufio"
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/internal/fault"
	"sluice/internal/task"
)

// A batch may go on with a task whose handler has answered already. Its inputs stay what
// they were although the connection's buffers carry other requests by then.
func TestAbandonedTaskKeepsItsInputs(t *testing.T) {
	model := simpleModel()
	run := model.run
	var held []*task.Task
	model.run = func(tk *task.Task) error {
		if len(held) < 3 {
			tk.Retain()
			held = append(held, tk)
			return fault.New(fault.DeadlineExceeded, "too late")
		}
		return run(tk)
	}
	e := serve(t, newFakeModels(model), nil)
	c := e.dial()
	r := bufio.NewReader(c)
	send := func(from int32, want int) {
		t.Helper()
		header := "{" + inputs(input("INPUT0", "INT32", "[1,16]", blob64), input("INPUT1", "INT32", "[1,16]", blob64)) + "}"
		if a := e.exchange(c, r, binaryPost(simpleInfer, header, count(from), count(from))); a.status != want {
			t.Fatalf("got %d %s, want %d", a.status, a.body, want)
		}
	}
	for n := range 3 {
		send(int32(100*n), 504)
	}
	for n := range 50 {
		send(int32(-n), 200)
	}
	for n, tk := range held {
		for i := range 2 {
			if in := tk.Inputs[i]; !bytes.Equal(in.Data, count(int32(100*n))) || in.Name != "INPUT"+strconv.Itoa(i) || len(in.Shape) != 2 || in.Shape[1] != 16 {
				t.Errorf("abandoned task %d: input %d has become %+v", n, i, in)
			}
		}
		tk.Release()
	}
}

// Under concurrency each caller gets the answer to its own rows, in either form.
func TestAnswersAreOnesOwn(t *testing.T) {
	e := serve(t, fixtures(), nil)
	const clients, requests = 12, 150
	var running sync.WaitGroup
	for client := range clients {
		running.Go(func() {
			random := rand.New(rand.NewPCG(uint64(client), 1))
			c, err := net.Dial("tcp", e.addr)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(30 * time.Second))
			r := bufio.NewReader(c)
			for range requests {
				raw, want := ownRequest(random)
				if _, err := io.WriteString(c, raw); err != nil {
					t.Error(err)
					return
				}
				if a, err := readAnswer(r); err != nil || a.status != 200 || !strings.HasSuffix(a.body, want) {
					t.Errorf("client %d got %d %q, %v; want the end %q", client, a.status, a.body, err, want)
					return
				}
			}
		})
	}
	running.Wait()
}

// ownRequest is a request with random rows, and how its answer must end.
func ownRequest(random *rand.Rand) (raw, want string) {
	rows := 1 + random.IntN(8)
	a, sum := make([]int32, 16*rows), make([]int32, 16*rows)
	texts := make([]string, len(a))
	for i := range a {
		a[i] = random.Int32() >> 2
		sum[i] = 2 * a[i]
		texts[i] = strconv.Itoa(int(a[i]))
	}
	shape := "[" + strconv.Itoa(rows) + ",16]"
	const output = `"outputs":[{"name":"OUTPUT0","parameters":{"binary_data":true}}]`
	if random.IntN(2) == 0 {
		data := `"data":[` + strings.Join(texts, ",") + `]`
		return post(simpleInfer, "{"+output+","+inputs(input("INPUT0", "INT32", shape, data), input("INPUT1", "INT32", shape, data))+"}"), string(ints(sum...))
	}
	size := `"parameters":{"binary_data_size":` + strconv.Itoa(64*rows) + `}`
	return binaryPost(simpleInfer, "{"+output+","+inputs(input("INPUT0", "INT32", shape, size), input("INPUT1", "INT32", shape, size))+"}", ints(a...), ints(a...)), string(ints(sum...))
}
