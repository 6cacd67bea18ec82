package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"sluice/features"
	"sluice/features/redis"
	"sluice/features/store"
	"sluice/internal/cputime"
)

// What one read asks for.
const (
	readKeys    = 50
	readColumns = 100
	readRatio   = 1.2 // the most that a read may take of what the bare client takes
)

// way is one way to the bytes of a read.
type way struct {
	name string
	// read reads once, as one of several callers.
	read []func() error
	// By round, for one read.
	wall, cpu []float64
}

// comparison is the ways to the same bytes, the bare client first.
type comparison struct {
	layout  redis.Layout
	callers int
	ways    []*way
}

// reads measures 50 entities of 100 features: by the bare client, which decodes nothing, by the reader of the store, and by
// the engine, as a request has them read. The ways take turns.
func reads(p plan, dir string) (text string, held bool, err error) {
	s, err := newServer(dir)
	if err != nil {
		return "", false, err
	}
	defer s.end()
	var b strings.Builder
	b.WriteString("| Layout | Callers | Way | us a read | CPU us a read | Time to bare | CPU to bare | Goal |\n|---|---|---|---|---|---|---|---|\n")
	held = true
	for _, layout := range []redis.Layout{redis.Feast, redis.Native} {
		for _, callers := range []int{1, 8} {
			c := &comparison{layout: layout, callers: callers}
			if err := c.measure(s, p); err != nil {
				return "", false, fmt.Errorf("%s: %w", layout, err)
			}
			held = c.tell(&b) && held
		}
	}
	return b.String(), held, nil
}

func (c *comparison) measure(s *server, p plan) error {
	g, keys := groupOf(readColumns), make([]store.Key, c.callers*readKeys)
	for i := range keys {
		keys[i] = idOf(int64(i))
	}
	names, err := fillFor(s, c.layout, g, keys)
	if err == nil && c.layout == redis.Feast {
		err = crowd(s, names)
	}
	if err != nil {
		return err
	}
	st, err := redis.New(redis.Options{Addresses: []string{s.addr}, Layout: c.layout, Project: project, Connections: 1}) // as the bare client
	if err != nil {
		return err
	}
	r, err := st.Reader(g)
	if err == nil {
		err = seen(r, keys[:readKeys], g)
	}
	if err != nil {
		return errors.Join(err, st.Close())
	}
	e, err := features.New(features.Options{})
	if err != nil {
		return errors.Join(err, st.Close())
	}
	defer e.Close() //nolint:errcheck // all was read
	if err := e.AddStore("hot", st, features.StoreOptions{}); err != nil {
		return err
	}
	eg, err := e.Group("hot", g, features.GroupOptions{Budget: time.Second})
	if err != nil {
		return err
	}
	bare, reader, engine := &way{name: "bare rueidis"}, &way{name: "the store's reader"}, &way{name: "the engine"}
	gets := &way{name: "bare rueidis, a GET for each"}
	c.ways = []*way{bare, reader, engine}
	if c.layout == redis.Native {
		c.ways = append(c.ways, gets)
	}
	for i := range c.callers { // each has keys of its own: the engine would read those that are asked for twice once
		from, to := i*readKeys, (i+1)*readKeys
		bare.read = append(bare.read, bareRead(s.Client, commandsFor(c.layout, g, names[from:to])))
		if c.layout == redis.Native {
			gets.read = append(gets.read, bareRead(s.Client, getsFor(names[from:to])))
		}
		reader.read = append(reader.read, readerRead(r, g, keys[from:to]))
		engine.read = append(engine.read, engineRead(e, eg, keys[from:to]))
	}
	return c.rounds(p)
}

// rounds lets the ways take turns, in an order that is drawn for each round. The first round warms up.
func (c *comparison) rounds(p plan) error {
	rng := rand.New(rand.NewPCG(p.seed, uint64(c.callers)))
	for round := range p.rounds + 1 {
		for _, i := range rng.Perm(len(c.ways)) {
			wall, cpu, err := c.ways[i].turn(p.reads)
			if err != nil {
				return fmt.Errorf("%s: %w", c.ways[i].name, err)
			}
			if round > 0 {
				c.ways[i].wall, c.ways[i].cpu = append(c.ways[i].wall, wall), append(c.ways[i].cpu, cpu)
			}
		}
	}
	return nil
}

// turn has the callers read at the same time, together so many reads, and gives microseconds for one.
func (w *way) turn(reads int) (wall, cpu float64, err error) {
	each := max(1, reads/len(w.read))
	before, err := cputime.Process(os.Getpid())
	if err != nil {
		return 0, 0, err
	}
	begun := time.Now()
	errs := make([]error, len(w.read))
	var callers sync.WaitGroup
	for i, read := range w.read {
		callers.Go(func() {
			for n := 0; n < each && errs[i] == nil; n++ {
				errs[i] = read()
			}
		})
	}
	callers.Wait()
	took := time.Since(begun)
	after, err := cputime.Process(os.Getpid())
	n := float64(each * len(w.read))
	return micros(took) / n, micros(after-before) / n, errors.Join(append(errs, err)...)
}

// tell writes a line for each way, and tells whether the reader and the engine keep to the goal.
func (c *comparison) tell(b *strings.Builder) (held bool) {
	held = true
	for i, w := range c.ways {
		fmt.Fprintf(b, "| %s | %d | %s | %.1f | %.1f |", c.layout, c.callers, w.name, mean(w.wall), mean(w.cpu))
		if i == 0 {
			b.WriteString(" | | |\n")
			continue
		}
		if strings.HasPrefix(w.name, "bare") {
			fmt.Fprintf(b, " %s | %s | |\n", ratio(w.wall, c.ways[0].wall), ratio(w.cpu, c.ways[0].cpu))
			continue
		}
		wall, cpu := ratio(w.wall, c.ways[0].wall), ratio(w.cpu, c.ways[0].cpu)
		ok := wall.low <= readRatio && cpu.low <= readRatio
		held = held && ok
		fmt.Fprintf(b, " %s | %s | %s |\n", wall, cpu, verdict(ok, wall.high <= readRatio && cpu.high <= readRatio))
	}
	return held
}

func verdict(possible, sure bool) string {
	switch {
	case sure:
		return "held"
	case possible:
		return "not decided here"
	}
	return "missed"
}

// folder makes a folder of a part's own.
func folder(dir, name string) (string, error) {
	path := filepath.Join(dir, name)
	return path, os.MkdirAll(path, 0o700)
}
