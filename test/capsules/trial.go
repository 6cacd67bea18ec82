package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"sluice/internal/child"
	"sluice/predlog"
	"sluice/predlog/replay"
	"sluice/test/rig"
)

// trial is one experiment, and what its steps share.
type trial struct {
	binary, examples, device, dir string
	say                           func(format string, args ...any)

	capsules []*capsule
	// off is the furthest that an answer in a batch, on whatever device, is from that of another run of the same
	// version, in tolerances.
	off float64
}

// worker is a device that computes as the CPU does, in a process of its own.
const worker = "{name: fake}"

const (
	stopWithin   = 30 * time.Second
	loadedWithin = 2 * time.Minute
	replayWithin = 5 * time.Minute
)

// run records so many capsules and replays them. What does not hold is an error, and all of it is told.
func (t *trial) run(n int) error {
	log := filepath.Join(t.dir, "predictions")
	if err := t.record(n, log); err != nil {
		return fmt.Errorf("cannot record: %w", err)
	}
	g, err := t.serve("cpu", worker, "--model-defaults-promote", "manual")
	if err != nil {
		return err
	}
	defer g.End()
	for i := range models {
		if err := models[i].writeChanged(t.models()); err != nil {
			return fmt.Errorf("cannot change a weight of %s: %w", models[i].name, err)
		}
	}
	for i := range models {
		if err := g.Await("/v2/models/"+models[i].name+"/versions/2/ready", loadedWithin); err != nil {
			return fmt.Errorf("%w\n%s", err, g.Log())
		}
	}
	if err := t.findTruth(g); err != nil {
		return fmt.Errorf("cannot ask both versions: %w", err)
	}
	faults := []error{t.replayOwn(g, log)}
	for i := range models {
		faults = append(faults, t.replayChanged(g, log, &models[i]))
	}
	return errors.Join(faults...)
}

func (t *trial) models() string { return filepath.Join(t.dir, "models") }

// serve starts a gateway on two devices, of which the first is preferred.
func (t *trial) serve(first, second string, args ...string) (*rig.Gateway, error) {
	settings := filepath.Join(t.dir, "sluice.yaml")
	text := fmt.Sprintf("model_defaults: {warmup: 60ms, tolerance: {abs: %g, rel: %g}}\ndevices:\n  - %s\n  - %s\n", toleranceAbs, toleranceRel, first, second)
	if err := os.WriteFile(settings, []byte(text), 0o600); err != nil {
		return nil, err
	}
	return rig.Start(rig.Options{
		Binary: t.binary, Env: []string{"XDG_STATE_HOME=" + filepath.Join(t.dir, "state")},
		Args: append([]string{"--config", settings, "--models", t.models(), "--drain-delay", "0s"}, args...),
	})
}

// record sends the capsules to a gateway that writes all of them down. Budgets are drawn: with a short one a request
// may go to the second device, and one that has no room is sent again with a long one.
func (t *trial) record(n int, log string) error {
	if err := os.CopyFS(t.models(), os.DirFS(t.examples)); err != nil {
		return err
	}
	g, err := t.serve(t.device, "cpu", "--prediction-log-dir", log, "--prediction-log-sample", "1")
	if err != nil {
		return err
	}
	defer g.End()
	t.capsules = make([]*capsule, n)
	for i := range t.capsules {
		t.capsules[i] = draw(i)
	}
	to := newAsker(g.Predict)
	var refusals atomic.Int64
	budgets := []time.Duration{10 * time.Millisecond, 50 * time.Millisecond, patient}
	err = t.each(func(i int, c *capsule) (err error) {
		budget := budgets[rand.IntN(len(budgets))]
		for refused := true; refused; budget = patient {
			if c.answer, refused, err = to.ask(c, "", budget); err != nil || refused && budget == patient {
				return errors.Join(err, fmt.Errorf("%s was refused: %v", c.id, refused))
			}
			if refused {
				refusals.Add(1)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	to.http.CloseIdleConnections()
	if _, err := g.Stop(stopWithin); err != nil {
		return fmt.Errorf("the gateway ended with %w\n%s", err, g.Log())
	}
	devices, shared := map[string]int{}, 0
	for _, c := range t.capsules {
		devices[c.answer.device]++
		if c.answer.batch > c.rows() {
			shared++
		}
	}
	t.say("%d recorded, by device %v, %d in a batch with others; %d refusals before", n, devices, shared, refusals.Load())
	if len(devices) < 2 || slices.Min(slices.Collect(maps.Values(devices))) < n/100 || shared < n/10 {
		return errors.New("batches or devices were not mixed: less than a hundredth is of some device, or less than a tenth shared its batch")
	}
	return convert(log)
}

// convert does what the next start would: a gateway that stops gives its last spool two seconds.
func convert(log string) error {
	w, err := predlog.Start(predlog.Options{Dir: log})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	return w.Close(ctx)
}

// each does something with every capsule, several at once, and returns the first error.
func (t *trial) each(visit func(i int, c *capsule) error) error {
	var next atomic.Int64
	var once sync.Once
	var fault error
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(t.capsules); i = int(next.Add(1)) - 1 {
				if err := visit(i, t.capsules[i]); err != nil {
					once.Do(func() { fault = err })
					next.Store(int64(len(t.capsules)))
				}
			}
		})
	}
	all.Wait()
	return fault
}

// findTruth asks both versions of each capsule, and notes how far they are apart, and how far answers of one version are.
func (t *trial) findTruth(g *rig.Gateway) error {
	of := newAsker(g.Predict)
	defer of.http.CloseIdleConnections()
	off := make([]float64, len(t.capsules))
	err := t.each(func(i int, c *capsule) error {
		var versions [2]answer
		for k := range versions {
			a, refused, err := of.ask(c, fmt.Sprint(k+1), patient)
			if err != nil || refused {
				return errors.Join(err, fmt.Errorf("%s of version %d was refused: %v", c.id, k+1, refused))
			}
			versions[k] = a
		}
		off[i], c.moved = apart(versions[0], c.answer), apart(versions[1], c.answer)
		return nil
	})
	t.off = slices.Max(off)
	t.say("both versions were asked; answers of one version are at most %.4f of the tolerance apart", t.off)
	return err
}

// replayed is the report of `sluice replay`, with every row that differs.
func (t *trial) replayed(g *rig.Gateway, log string, args ...string) (r replay.Report, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), replayWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, t.binary, append([]string{"replay", log, "--listen", g.Predict, "--json", "--worst", fmt.Sprint(len(t.capsules))}, args...)...)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	err = child.Run(cmd) // a difference has a status of its own
	if unread := json.Unmarshal(out.Bytes(), &r); unread != nil {
		return r, fmt.Errorf("cannot read what sluice replay says: %w, %w: %s", unread, err, said.String())
	}
	return r, nil
}

// replayOwn wants each record's answer once more.
func (t *trial) replayOwn(g *rig.Gateway, log string) error {
	r, err := t.replayed(g, log)
	if err != nil {
		return err
	}
	t.say("against their own versions: %d of %d agree, %d differ, %d failed, not replayed %v", r.Agree, len(t.capsules), r.Differ, r.Failed, r.Skipped)
	if r.Agree != len(t.capsules) || r.Differ+r.Failed > 0 {
		return fmt.Errorf("records do not agree with their own version: %+v", r)
	}
	return nil
}

// replayChanged wants the rows that the changed weight has moved beyond the tolerance, and no others. A row whose answer
// is as far from the tolerance's edge as two runs of one version may be apart is on either side: there are few.
func (t *trial) replayChanged(g *rig.Gateway, log string, m *example) error {
	r, err := t.replayed(g, log, "--model", m.name+":2")
	if err != nil {
		return err
	}
	found := map[string]bool{}
	for _, d := range r.Worst {
		found[d.ID] = true
	}
	asked, moved, edge := 0, 0, 0
	var faults []string
	for _, c := range t.capsules {
		if c.model != m {
			continue
		}
		asked++
		switch {
		case c.moved > 1-2*t.off && c.moved < 1+2*t.off:
			edge++
		case c.moved > 1 != found[c.id]:
			faults = append(faults, fmt.Sprintf("%s has moved by %.3f tolerances, found %v", c.id, c.moved, found[c.id]))
		}
		if c.moved > 1 {
			moved++
		}
	}
	t.say("against %s with %v: %d asked, %d have moved, %d found, %d on the edge, %d found wrongly or missed", m.name, m.change, r.Replayed, moved, r.Differ, edge, len(faults))
	switch {
	case len(faults) > 0:
		return fmt.Errorf("%s: %s", m.name, strings.Join(faults[:min(len(faults), 5)], "; "))
	case r.Replayed != asked || r.Failed > 0 || len(found) != r.Differ:
		return fmt.Errorf("%s: %d were to be asked: %+v", m.name, asked, r)
	case moved == 0 || moved == asked || edge > max(asked/1000, 1):
		return fmt.Errorf("%s: the change shows nothing: %d of %d have moved, %d are on the edge", m.name, moved, asked, edge)
	}
	return nil
}
