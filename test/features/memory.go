package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"sluice/features/feast"
	"sluice/features/native"
	"sluice/features/store"
)

// What memory is measured with.
const (
	memoryColumns = 20
	memoryReads   = 400 // reads of 1,000 values each
	memorySamples = 200 // entities whose MEMORY USAGE is asked for
)

// kept is one way to keep features in a Redis.
type kept struct {
	name string
	// keys are those of an entity, write the commands that write it, and ask those that ask for all of its features.
	keys  func(g *store.Group, id int64) []string
	write func(b rueidis.Builder, g *store.Group, id int64) []rueidis.Completed
	ask   func(b rueidis.Builder, g *store.Group, ids []int64) []rueidis.Completed
}

var waysToKeep = []kept{
	{
		name: "flat strings, one for each feature, values as text",
		keys: func(g *store.Group, id int64) (keys []string) {
			for i := range g.Columns {
				keys = append(keys, g.Columns[i].Name+":"+entityKey(id))
			}
			return keys
		},
		write: func(b rueidis.Builder, g *store.Group, id int64) (all []rueidis.Completed) {
			for i := range g.Columns {
				all = append(all, b.Set().Key(g.Columns[i].Name+":"+entityKey(id)).Value(textOf(id, i)).Build())
			}
			return all
		},
		ask: func(b rueidis.Builder, g *store.Group, ids []int64) []rueidis.Completed {
			var keys []string
			for _, id := range ids {
				for i := range g.Columns {
					keys = append(keys, g.Columns[i].Name+":"+entityKey(id))
				}
			}
			return []rueidis.Completed{b.Mget().Key(keys...).Build()}
		},
	},
	hashKept("a hash for each entity, fields by name, values as text", func(name string) string { return name }),
	// Any hash of 32 bits does: it is its four bytes that count.
	hashKept("a hash for each entity, fields by a hash of 32 bits as with xxhash32, values as text", func(name string) string {
		f := feast.Field(name)
		return string(f[:])
	}),
	{
		name: "Feast's hash",
		keys: feastKeys,
		write: func(b rueidis.Builder, g *store.Group, id int64) []rueidis.Completed {
			return []rueidis.Completed{feastRow(b, g, feastKeys(g, id)[0], feastFields(g), id, len(g.Columns))}
		},
		ask: func(b rueidis.Builder, g *store.Group, ids []int64) (all []rueidis.Completed) {
			fields := feastFields(g)
			for _, id := range ids {
				all = append(all, b.Hmget().Key(feastKeys(g, id)[0]).Field(fields...).Build())
			}
			return all
		},
	},
	{
		name: "native",
		keys: nativeKeys,
		ask: func(b rueidis.Builder, g *store.Group, ids []int64) []rueidis.Completed {
			var keys []string
			for _, id := range ids {
				keys = append(keys, nativeKeys(g, id)...)
			}
			return []rueidis.Completed{b.Mget().Key(keys...).Build()}
		},
	},
}

// hashKept is the layout that DoorDash describes, with fields named after features in some way.
func hashKept(name string, field func(string) string) kept {
	fields := func(g *store.Group) (all []string) {
		for i := range g.Columns {
			all = append(all, field(g.Columns[i].Name))
		}
		return all
	}
	return kept{
		name: name,
		keys: func(_ *store.Group, id int64) []string { return []string{entityKey(id)} },
		write: func(b rueidis.Builder, g *store.Group, id int64) []rueidis.Completed {
			set := b.Hset().Key(entityKey(id)).FieldValue()
			for i, f := range fields(g) {
				set = set.FieldValue(f, textOf(id, i))
			}
			return []rueidis.Completed{set.Build()}
		},
		ask: func(b rueidis.Builder, g *store.Group, ids []int64) (all []rueidis.Completed) {
			names := fields(g)
			for _, id := range ids {
				all = append(all, b.Hmget().Key(entityKey(id)).Field(names...).Build())
			}
			return all
		},
	}
}

func entityKey(id int64) string { return "entity:" + strconv.FormatInt(id, 10) }

// numberOf is a feature's value: one of three is zero.
func numberOf(id int64, column int) float32 {
	if (id+int64(column))%3 == 0 {
		return 0
	}
	return valueOf(id, column)
}

func textOf(id int64, column int) string {
	return strconv.FormatFloat(float64(numberOf(id, column)), 'g', -1, 32)
}

func feastKeys(g *store.Group, id int64) []string {
	return []string{string(feast.NewKeys(g, feast.V3, project).Append(nil, idOf(id)))}
}

func nativeKeys(g *store.Group, id int64) []string {
	return []string{string(native.AppendRowPrefix(nil, g.View, 1)) + string(idOf(id))}
}

// memories measures the bytes and the time of each way to keep the same features, each in a server of its own.
func memories(p plan, dir string) (text string, held bool, err error) {
	var b strings.Builder
	fmt.Fprintf(&b, "%d entities of %d features.\n\n", p.entities, memoryColumns)
	b.WriteString("| Layout | Bytes of an entity (MEMORY USAGE) | GB per billion features | By the growth of RSS | us per 1,000 look-ups |\n|---|---|---|---|---|\n")
	for i := range waysToKeep {
		own, err := folder(dir, strconv.Itoa(i))
		if err != nil {
			return "", false, err
		}
		if err := waysToKeep[i].measure(p, own, &b); err != nil {
			return "", false, fmt.Errorf("%s: %w", waysToKeep[i].name, err)
		}
	}
	b.WriteString("\nPublished by DoorDash (2020): 298 GB per billion features as flat strings, 112 GB as hashes with fields by xxhash32; " +
		"6,000 and 2,500 us per 1,000 look-ups, with 2,000 us to decode.\n")
	return b.String(), true, nil
}

func (k *kept) measure(p plan, dir string, b *strings.Builder) error {
	s, err := newServer(filepath.Clean(dir))
	if err != nil {
		return err
	}
	defer s.end()
	g := groupOf(memoryColumns)
	before, err := s.resident()
	if err == nil {
		err = k.load(s, g, p.entities)
	}
	if err != nil {
		return err
	}
	after, err := s.resident()
	if err != nil {
		return err
	}
	rng := rand.New(rand.NewPCG(p.seed, 6))
	used, err := k.usage(s, g, p.entities, rng)
	if err != nil {
		return err
	}
	took, err := k.lookUps(s, g, p.entities, rng)
	if err != nil {
		return err
	}
	const billion = 1e9 / memoryColumns / 1e9 // entities, in GB for each byte
	fmt.Fprintf(b, "| %s | %.0f | %.0f | %.0f | %.0f |\n", k.name, used, used*billion, float64(after-before)/float64(p.entities)*billion, micros(took))
	return nil
}

func (k *kept) load(s *server, g *store.Group, n int64) error {
	if k.write == nil {
		return loadNative(s, g, n, func(id int64, column int) (float32, bool) { return numberOf(id, column), true })
	}
	const most = 2000 // commands of a pipeline
	var commands []rueidis.Completed
	for id := range n {
		commands = append(commands, k.write(s.B(), g, id)...)
		if len(commands) < most && id < n-1 {
			continue
		}
		for _, reply := range s.DoMulti(context.Background(), commands...) {
			if err := reply.Error(); err != nil {
				return err
			}
		}
		commands = commands[:0]
	}
	return nil
}

// usage is the mean of what the server says of the keys of some entities.
func (k *kept) usage(s *server, g *store.Group, n int64, rng *rand.Rand) (float64, error) {
	sum := int64(0)
	for range memorySamples {
		for _, key := range k.keys(g, rng.Int64N(n)) {
			used, err := s.Do(context.Background(), s.B().MemoryUsage().Key(key).Build()).AsInt64()
			if err != nil {
				return 0, err
			}
			sum += used
		}
	}
	return float64(sum) / memorySamples, nil
}

// lookUps is the median of the times to get 1,000 values of entities that are drawn.
func (k *kept) lookUps(s *server, g *store.Group, n int64, rng *rand.Rand) (time.Duration, error) {
	var took []time.Duration
	ids := make([]int64, 1000/memoryColumns)
	for range memoryReads {
		for i := range ids {
			ids[i] = rng.Int64N(n)
		}
		commands := k.ask(s.B(), g, ids)
		begun := time.Now()
		for _, reply := range s.DoMulti(context.Background(), commands...) {
			values, err := reply.ToArray()
			if err == nil && (len(values) == 0 || values[len(values)-1].IsNil()) {
				err = errors.New("a value is missing")
			}
			if err != nil {
				return 0, err
			}
		}
		took = append(took, time.Since(begun))
	}
	return quantile(took, 0.5), nil
}
