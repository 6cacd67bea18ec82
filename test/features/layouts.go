package main

import (
	"context"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"strconv"

	"github.com/redis/rueidis"

	"sluice/features/feast"
	"sluice/features/native"
	"sluice/features/redis"
	"sluice/features/store"
)

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
		return names, loadNative(s, g, int64(len(keys)), whole)
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

// whole is valueOf, of rows that have all columns.
func whole(id int64, column int) (float32, bool) { return valueOf(id, column), true }

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

// crowdFields are more than a store reads by HGETALL.
const crowdFields = 520

// crowd adds the features of other views to hashes, as Feast does, so many that the store asks for the wanted ones as the bare client
// does.
func crowd(s *server, names []string) error {
	var commands []rueidis.Completed
	for _, key := range names {
		set := s.B().Hset().Key(key).FieldValue()
		for i := range crowdFields {
			set = set.FieldValue("other_"+strconv.Itoa(i), "0")
		}
		commands = append(commands, set.Build())
	}
	for _, reply := range s.DoMulti(context.Background(), commands...) {
		if err := reply.Error(); err != nil {
			return err
		}
	}
	return nil
}
