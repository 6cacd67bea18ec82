package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"sluice/features"
	"sluice/features/feast"
	"sluice/features/native"
	"sluice/features/redis"
	"sluice/features/store"
	"sluice/internal/clock"
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
	if err != nil {
		return err
	}
	st, err := redis.New(redis.Options{Addresses: []string{s.addr}, Layout: c.layout, Project: project})
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

// bareRead asks by the bare client, and looks at each reply for an error alone.
func bareRead(c rueidis.Client, commands func(rueidis.Builder, []rueidis.Completed) []rueidis.Completed) func() error {
	var to []rueidis.Completed
	return func() error {
		to = commands(c.B(), to[:0])
		for _, reply := range c.DoMulti(context.Background(), to...) {
			if err := reply.Error(); err != nil {
				return err
			}
		}
		return nil
	}
}

var errIncomplete = errors.New("a value is missing")

func readerRead(r store.Reader, g *store.Group, keys []store.Key) func() error {
	var rows store.Rows
	return func() error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		rows.Reset(g, len(keys))
		err := r.Read(ctx, r.Generation(), keys, &rows)
		if err == nil && rows.States(len(keys) - 1)[readColumns-1] != store.Present {
			return errIncomplete
		}
		return err
	}
}

// bell is rung when a fetch has ended.
type bell chan struct{}

func (b bell) Fetched() { b <- struct{}{} }

func engineRead(e *features.Engine, g *features.Group, keys []store.Key) func() error {
	rung := make(bell, 1)
	return func() error {
		f := e.Fetch()
		defer f.Release()
		for _, k := range keys {
			f.Add(g, k)
		}
		if !f.Start(clock.Now().Add(time.Second), rung) {
			<-rung
		}
		if row := f.Row(len(keys) - 1); row.Status != features.Present || row.States[readColumns-1] != store.Present {
			return errIncomplete
		}
		return nil
	}
}

// seen waits until a reader sees the rows.
func seen(r store.Reader, keys []store.Key, g *store.Group) (err error) {
	read := readerRead(r, g, keys)
	for begun := time.Now(); time.Since(begun) < upWithin; time.Sleep(10 * time.Millisecond) {
		if err = read(); err == nil {
			return nil
		}
	}
	return err
}

// project is Feast's, of the stores here.
const project = "p"

// fillFor writes the rows of keys in a layout, and gives the names under which they lie.
func fillFor(s *server, layout redis.Layout, g *store.Group, keys []store.Key) (names []string, err error) {
	if err := s.Do(context.Background(), s.B().Flushall().Build()).Error(); err != nil {
		return nil, err
	}
	if layout == redis.Native {
		for _, k := range keys {
			names = append(names, string(native.AppendRowPrefix(nil, g.View, 1))+string(k))
		}
		return names, loadNative(s, g, int64(len(keys)), func(id int64, column int) (float32, bool) { return valueOf(id, column), true })
	}
	fields := feastFields(g)
	for i, k := range keys {
		names = append(names, string(feast.NewKeys(g, feast.V3, project).Append(nil, k)))
		if err := s.Do(context.Background(), feastRow(s.B(), g, names[i], fields, int64(i), len(g.Columns))).Error(); err != nil {
			return nil, err
		}
	}
	return names, nil
}

// commandsFor are the commands by which the store asks for names.
func commandsFor(layout redis.Layout, g *store.Group, names []string) func(rueidis.Builder, []rueidis.Completed) []rueidis.Completed {
	if layout == redis.Native {
		return func(b rueidis.Builder, to []rueidis.Completed) []rueidis.Completed {
			return append(to, b.Mget().Key(names...).Build())
		}
	}
	fields := feastFields(g)
	return func(b rueidis.Builder, to []rueidis.Completed) []rueidis.Completed {
		for _, name := range names {
			to = append(to, b.Hmget().Key(name).Field(fields...).Build())
		}
		return to
	}
}

// getsFor are commands that ask for each row alone, in one pipeline.
func getsFor(names []string) func(rueidis.Builder, []rueidis.Completed) []rueidis.Completed {
	return func(b rueidis.Builder, to []rueidis.Completed) []rueidis.Completed {
		for _, name := range names {
			to = append(to, b.Get().Key(name).Build())
		}
		return to
	}
}

// valueOf is a value whose digits say nothing.
func valueOf(id int64, column int) float32 {
	return float32(rand.New(rand.NewPCG(uint64(id), uint64(column))).NormFloat64())
}

// feastFields are the fields of a group's features and of its time.
func feastFields(g *store.Group) (fields []string) {
	for i := range g.Columns {
		field := feast.Field(feast.Name(g.View, g.Columns[i].Name))
		fields = append(fields, string(field[:]))
	}
	return append(fields, feast.TimeField(g.View))
}

// feastRow writes an entity as Feast does.
func feastRow(b rueidis.Builder, g *store.Group, key string, fields []string, id int64, columns int) rueidis.Completed {
	set := b.Hset().Key(key).FieldValue()
	for c := range columns {
		value := [5]byte{0x35} // a Value whose field 6 is set, of four bytes
		binary.LittleEndian.PutUint32(value[1:], math.Float32bits(valueOf(id, c)))
		set = set.FieldValue(fields[c], string(value[:]))
	}
	const second = "\x08\x80\xe2\xcf\xaa\x06" // a Timestamp of 1700000000 s
	return set.FieldValue(fields[len(g.Columns)], second).Build()
}

// folder makes a folder of a part's own.
func folder(dir, name string) (string, error) {
	path := filepath.Join(dir, name)
	return path, os.MkdirAll(path, 0o700)
}
