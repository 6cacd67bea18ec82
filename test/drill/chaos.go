package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"syscall"
	"time"

	"sluice/backends/fake"
	"sluice/test/rig"
)

// badBodies are requests that must be refused with 400, whatever else is sent.
var badBodies = []string{
	`{"inputs":[{"name":"input"`,
	`{"inputs":[]}`,
	`{"inputs":[{"name":"nobody","datatype":"FP32","shape":[1,16],"data":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]}]}`,
	`{"inputs":[{"name":"input","datatype":"INT64","shape":[1,16],"data":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]}]}`,
	`{"inputs":[{"name":"input","datatype":"FP32","shape":[1,17],"data":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]}]}`,
	`{"inputs":[{"name":"input","datatype":"FP32","shape":[1,16],"data":[0,0,0]}]}`,
	`{"inputs":[{"name":"input","datatype":"FP32","shape":[-1,16],"data":[]}]}`,
	`{"inputs":[{"name":"input","datatype":"FP32","shape":[0,16],"data":[]}]}`,
	`{"inputs":[{"name":"input","datatype":"FP32","shape":[1,16],"data":["x",0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]}]}`,
	`{"inputs":[{"name":"input","datatype":"FP32","shape":[1,16],"data":[1e99,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]}]}`,
	`{"inputs":[{"name":"input","datatype":"FP32","shape":[4294967296,4294967296],"data":[0]}]}`,
	`[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[`,
}

// bad are the questions of badBodies for the small model.
func bad() (all []rig.Question) {
	for _, body := range badBodies {
		all = append(all, rig.Question{Model: "small", Body: []byte(body), Want: http.StatusBadRequest})
	}
	return all
}

// mixed draws a good question, or with a chance one of the others.
func mixed(good, others []rig.Question, chance float64) func(*rand.Rand) *rig.Question {
	return func(rng *rand.Rand) *rig.Question {
		if rng.Float64() < chance {
			return &others[rng.IntN(len(others))]
		}
		return &good[rng.IntN(len(good))]
	}
}

// leaving are questions whose clients leave after a while.
func leaving(questions []rig.Question, after time.Duration) []rig.Question {
	all := slices.Clone(questions)
	for i := range all {
		all[i].LeaveAfter = after
	}
	return all
}

// chaos is P3.
func (t *trial) chaos() (v verdict) {
	b := t.breakable()
	others := append(bad(), leaving(b.Questions, 2*time.Millisecond)...)
	traffic := b.Traffic(b.Gateway)
	traffic.Pick = mixed(b.Questions, others, 0.2)
	faults := []func(){
		func() { b.signalWorker(syscall.SIGKILL) },
		func() { b.signalWorker(syscall.SIGSTOP) },
		func() { b.order(fake.Orders{Fail: true}) },
		func() { b.order(fake.Orders{Slow: 10}) },
	}
	records := under(traffic, func(func() time.Duration) {
		for i := range times(10) {
			faults[i%len(faults)]()
			time.Sleep(2 * time.Second)
			b.mend()
		}
	})
	good, all := totalGood(records), total(records)
	served, _ := t.answered(b.Gateway)
	// The server counts an answer also where the client has left; beside the traffic it has
	// answered each question once when the answers were learned.
	answered := int(served) - len(b.Questions)
	closes := answered >= all.OK && answered <= all.OK+all.Left
	v.held = harmless(good) && closes
	v.figure = fmt.Sprintf("%d good requests: %d lost, %d wrong, %d odd, %d refused, %d with 504%s; the server counts %d answers, the clients %d and %d that left: the ledger closes: %v",
		good.Sent, good.Lost, good.Wrong, good.Odd+good.Refused, good.No, good.Deadline, example(good), answered, all.OK, all.Left, closes)
	return v
}
