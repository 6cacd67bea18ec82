package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
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
	all := append([]rig.Question(nil), questions...)
	for i := range all {
		all[i].LeaveAfter = after
	}
	return all
}

// goodOnes are the records of good requests whose clients stayed.
func goodOnes(r *rig.Record) bool { return r.Good }

// chaos is P3.
func (d *drill) chaos() (v verdict, err error) {
	b, err := d.breakable()
	if err != nil {
		return v, err
	}
	defer b.Stop(stopLimit) //nolint:errcheck // the figures are in
	others := append(bad(), leaving(b.Questions, 2*time.Millisecond)...)
	t := b.Traffic(b.Gateway)
	t.Pick = mixed(b.Questions, others, 0.2)
	rounds := times(10)
	records, err := under(t, func(func() time.Duration) error {
		for i := range rounds {
			faults := []func() error{
				func() error { return b.signalWorker(syscall.SIGKILL) },
				func() error { return b.signalWorker(syscall.SIGSTOP) },
				func() error { return b.Order(fake.Orders{Fail: true}) },
				func() error { return b.Order(fake.Orders{Slow: 10}) },
			}
			if err := faults[i%len(faults)](); err != nil {
				return err
			}
			time.Sleep(2 * time.Second)
			if err := b.Order(fake.Orders{}); err != nil {
				return err
			}
			if _, _, err := rig.Post(b.Admin, "/v2/repository/models/small/load", ""); err != nil {
				return err
			}
			if err := b.back(15 * time.Second); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return v, err
	}
	good := rig.Tally(records, 0, rig.All, goodOnes)
	all := rig.Tally(records, 0, rig.All, nil)
	ok, err := b.Counters("sluice_requests_total", `outcome="ok"`)
	if err != nil {
		return v, err
	}
	late, err := b.Counters("sluice_requests_total", `outcome="late"`)
	if err != nil {
		return v, err
	}
	// The server counts an answer also where the client has left; beside the traffic it has
	// answered each question once when the answers were learned.
	answered := int(ok+late) - len(b.Questions)
	closes := answered >= all.OK && answered <= all.OK+all.Left
	v.held = harmless(good) && closes
	v.figure = fmt.Sprintf("%d good requests: %d lost, %d wrong, %d odd, %d refused, %d with 504%s; the server counts %d answers, the clients %d and %d that left: the ledger closes: %v",
		good.Sent, good.Lost, good.Wrong, good.Odd+good.Refused, good.No, good.Deadline, example(good), answered, all.OK, all.Left, closes)
	return v, nil
}
