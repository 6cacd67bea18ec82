package httpfront

import (
	"testing"
	"time"

	"sluice/internal/task"
)

// The deadline is the header's, the timeout parameter's or the model's budget from arrival. Beside
// a header the parameter can only shorten it.
func TestDeadline(t *testing.T) {
	model := simpleModel()
	run := model.run
	type asked struct {
		budget   time.Duration
		priority task.Priority
	}
	tasks := make(chan asked, 1)
	model.run = func(tk *task.Task) error {
		tasks <- asked{tk.Deadline.Sub(tk.Arrived), tk.Priority}
		return run(tk)
	}
	e := serve(t, newFakeModels(model), nil)
	f := func(parameters string, want time.Duration, class task.Priority, headers ...string) {
		t.Helper()
		if a := e.send(post(simpleInfer, simpleBody(parameters), headers...)); a.status != 200 {
			t.Fatalf("got %d %s", a.status, a.body)
		}
		if got := <-tasks; got != (asked{want, class}) {
			t.Errorf("%s %v: budget and priority %v, want %v", parameters, headers, got, asked{want, class})
		}
	}
	f("", 10*time.Second, task.Normal)
	f("", 20*time.Second, task.Normal, "Sluice-Budget-Ms: 20000")
	f("", 1500*time.Millisecond, task.Normal, "Sluice-Budget-Ms: 1500")
	f(`"parameters":{"timeout":3000000},`, 3*time.Second, task.Normal)
	f(`"parameters":{"timeout":30000000},`, 30*time.Second, task.Normal)
	f(`"parameters":{"timeout":600000000},`, 10*time.Minute, task.Normal)
	f(`"parameters":{"timeout":0},`, 10*time.Second, task.Normal)
	f(`"parameters":{"timeout":30000000},`, 20*time.Second, task.Normal, "Sluice-Budget-Ms: 20000")
	f(`"parameters":{"timeout":900000000},`, 20*time.Second, task.Normal, "Sluice-Budget-Ms: 20000")
	f(`"parameters":{"timeout":3000000,"priority":1},`, 2*time.Second, task.High, "Sluice-Budget-Ms: 2000")
	f(`"parameters":{"priority":2},`, 10*time.Second, task.Normal)
	f(`"parameters":{"priority":3},`, 10*time.Second, task.Low)
	f(`"parameters":{"priority":900},`, 10*time.Second, task.Low)
}
