package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"sluice/internal/onnxgen"
	"sluice/test/rig"
)

// versions puts versions of a model into its folder, odd ones of one network and even ones of
// another, and knows the answers of both.
type versions struct {
	dir       string // of the model
	latest    int
	questions []rig.Question
}

// network is the one of odd versions, or that of even ones.
func network(version int) onnxgen.MLP {
	return onnxgen.MLP{Layers: []int{16, 64, 1}, Seed: 5 + uint64(version%2)}
}

// lastVersion is the most that a drill loads.
const lastVersion = 1000

// newVersions makes a model folder with version 1 and learns what each network answers.
func (t *trial) newVersions() *versions {
	v := &versions{dir: filepath.Join(t.fresh(), "small"), questions: rig.Rows("small", "input", 16, 1, 32)}
	for parity := range 2 {
		alone := t.fresh()
		t.must(network(parity).Write(filepath.Join(alone, "small"), strconv.Itoa(parity)))
		g := t.serve("--models", alone)
		var same []string
		for n := parity; n <= lastVersion; n += 2 {
			same = append(same, strconv.Itoa(n))
		}
		t.must(rig.Learn(g.Predict, v.questions, same...))
		t.stop(g)
	}
	t.must(v.add(false))
	return v
}

func (v *versions) root() string { return filepath.Dir(v.dir) }

// add puts the next version into the folder, whole at once. A damaged one has a byte flipped in
// the middle of the file's structure, or lacks its end.
func (v *versions) add(damaged bool) error {
	v.latest++
	file := network(v.latest).Bytes()
	if damaged {
		if v.latest%2 == 0 {
			file = file[:len(file)*2/3]
		} else {
			file[3] ^= 0x40
		}
	}
	staged, err := os.MkdirTemp(filepath.Dir(v.root()), "staged-")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(staged, "model.onnx"), file, 0o644); err != nil {
		return err
	}
	if err := os.MkdirAll(v.dir, 0o755); err != nil {
		return err
	}
	return os.Rename(staged, filepath.Join(v.dir, strconv.Itoa(v.latest)))
}

// reloads is P2.
func (t *trial) reloads() (out verdict) {
	v := t.newVersions()
	g := t.serve("--models", v.root())
	quiet := scaled(5 * time.Second)
	swaps, damaged := times(30), 0
	records := under(to(g, 300, budgeted(v.questions, time.Second)), func(func() time.Duration) {
		time.Sleep(quiet - time.Second)
		for i := range swaps {
			bad := i%5 == 4
			if bad {
				damaged++
			}
			t.must(v.add(bad))
			time.Sleep(2 * time.Second)
		}
	})
	seen := map[string]bool{}
	for i := range records {
		if records[i].Outcome == rig.OK {
			seen[records[i].Version] = true
		}
	}
	all, before := total(records), rig.Tally(records, 0, quiet, nil)
	during := rig.Tally(records, quiet, rig.All, nil)
	ratio := during.P99.Seconds() / max(before.P99.Seconds(), 1e-4)
	loaded := len(seen)-1 >= swaps-damaged
	out.held = untouched(all) && loaded
	out.figure = fmt.Sprintf("%d requests over %d versions, %d of them damaged: %d errors, %d wrong, %d refused%s; every good version answered: %v; p99 %s, %s before (%.1f times)",
		all.Sent, swaps, damaged, all.Lost+all.Odd+all.Refused, all.Wrong, all.No+all.Deadline, example(all), loaded, ms(during.P99), ms(before.P99), ratio)
	return out
}
