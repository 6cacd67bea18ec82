package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"google.golang.org/protobuf/encoding/protowire"

	"sluice/features/native"
	"sluice/features/store"
	"sluice/internal/cputime"
	"sluice/internal/servertest"
)

// The size of a read: entities, and features of each.
const (
	benchKeys     = 50
	benchFeatures = 100
)

// side is one of two ways to the same bytes.
type side struct {
	reads []func(ctx context.Context) error // by caller
	wall  time.Duration
	cpu   time.Duration
}

// BenchmarkRead holds reads against what rueidis alone takes for the same replies, with nothing decoded. Both go in turns, so that the
// ratios of a run are of one machine in one state.
func BenchmarkRead(b *testing.B) {
	for _, callers := range []int{1, 8} {
		b.Run(fmt.Sprintf("feast/callers=%d", callers), func(b *testing.B) { compare(b, Feast, false, callers) })
		b.Run(fmt.Sprintf("feast,HGETALL/callers=%d", callers), func(b *testing.B) { compare(b, Feast, true, callers) })
		b.Run(fmt.Sprintf("native/callers=%d", callers), func(b *testing.B) { compare(b, Native, false, callers) })
	}
}

func compare(b *testing.B, layout Layout, all bool, callers int) {
	const reads = 10 // of a caller in a turn
	ours, bare := sides(b, layout, all, true, callers)
	ours.turn(b, reads) // connections are made, pools filled
	bare.turn(b, reads)
	ours.wall, ours.cpu, bare.wall, bare.cpu = 0, 0, 0, 0
	for b.Loop() {
		bare.turn(b, reads)
		ours.turn(b, reads)
	}
	n := float64(b.N * reads * callers)
	b.ReportMetric(float64(bare.wall.Microseconds())/n, "bare-µs/read")
	b.ReportMetric(float64(ours.wall.Microseconds())/n, "ours-µs/read")
	b.ReportMetric(float64(ours.wall)/float64(bare.wall), "time-ratio")
	b.ReportMetric(float64(bare.cpu.Microseconds())/n, "bare-cpu-µs/read")
	b.ReportMetric(float64(ours.cpu)/float64(bare.cpu), "cpu-ratio")
	b.ReportMetric(0, "ns/op") // of both together: it says nothing
}

// turn has each caller read a few times.
func (s *side) turn(b *testing.B, reads int) {
	b.Helper()
	wall, cpu := time.Now(), cpuOf(b, os.Getpid())
	var all sync.WaitGroup
	for _, read := range s.reads {
		all.Go(func() {
			for range reads {
				if err := read(context.Background()); err != nil {
					b.Error(err)
				}
			}
		})
	}
	all.Wait()
	s.wall += time.Since(wall)
	s.cpu += cpuOf(b, os.Getpid()) - cpu
}

func cpuOf(b *testing.B, process int) time.Duration {
	b.Helper()
	cpu, err := cputime.Process(process)
	if err != nil {
		b.Fatal(err)
	}
	return cpu
}

// sides fills a real server, and gives the two ways to read from it. Hashes are read by HMGET, or by HGETALL if all is set, by
// ReadOn if on is set.
func sides(t testing.TB, layout Layout, all, on bool, callers int) (ours, bare *side) {
	t.Helper()
	address := servertest.StartRedis(t).Address
	o := Options{Addresses: []string{address}, Layout: layout, Project: "p", Connections: min(2, callers)}
	s := open(t, o)
	var columns []store.Column
	for i := range benchFeatures {
		columns = append(columns, float("feature_with_a_long_name_"+strconv.Itoa(i)))
	}
	g := group(t, "v", byID, columns...)
	var keys []store.Key
	for i := range benchKeys {
		keys = append(keys, id(int64(1000+i)))
	}
	bareClient := client(t, address)
	var commands func(b rueidis.Builder, to []rueidis.Completed) []rueidis.Completed
	if layout == Native {
		commands = fillRows(t, address, g, keys)
	}
	r := reader(t, s, g)
	if layout == Native {
		sees(t, r, 1)
	} else {
		c := &r.(*hashes).choice
		c.all, c.barred = all, true // and does not change
		commands = fillHashes(t, s, r.(*hashes), keys)
	}
	read := r.Read
	if on {
		read = r.(store.Lingerer).ReadOn
	}
	ours, bare = &side{}, &side{}
	for range callers {
		var rows store.Rows
		ours.reads = append(ours.reads, func(ctx context.Context) error {
			rows.Reset(g, len(keys))
			err := read(ctx, r.Generation(), keys, &rows)
			if err == nil && rows.States(len(keys) - 1)[benchFeatures-1] != store.Present {
				return errors.New("a value is missing")
			}
			return err
		})
		var to []rueidis.Completed
		bare.reads = append(bare.reads, func(ctx context.Context) error {
			to = commands(bareClient.B(), to[:0])
			for _, reply := range bareClient.DoMulti(ctx, to...) {
				if err := reply.Error(); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return ours, bare
}

func client(t testing.TB, address string) rueidis.Client {
	t.Helper()
	c, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{address}, DisableCache: true, ForceSingleClient: true, AlwaysPipelining: true,
		DialCtxFn: func(ctx context.Context, address string, d *net.Dialer, _ *tls.Config) (net.Conn, error) {
			conn, err := dial(ctx, address, d, nil)
			if err != nil {
				return nil, err
			}
			return conn.(*guard).Conn, nil // which is not bare
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func fillHashes(t testing.TB, s *Store, r *hashes, keys []store.Key) func(rueidis.Builder, []rueidis.Completed) []rueidis.Completed {
	t.Helper()
	c := *s.narrow.all[0].client.Load()
	var names []string
	for _, k := range keys {
		name := string(r.layout.key(nil, k))
		names = append(names, name)
		set := c.B().Hset().Key(name).FieldValue()
		for i, field := range r.fields {
			value := protowire.AppendFixed32(protowire.AppendTag(nil, 6, protowire.Fixed32Type), 0x3f000000+uint32(i))
			set = set.FieldValue(field, string(value))
		}
		if err := c.Do(patient(t), set.Build()).Error(); err != nil {
			t.Fatal(err)
		}
	}
	return func(b rueidis.Builder, to []rueidis.Completed) []rueidis.Completed {
		for _, name := range names {
			to = append(to, b.Hmget().Key(name).Field(r.fields...).Build())
		}
		return to
	}
}

func fillRows(t testing.TB, address string, g *store.Group, keys []store.Key) func(rueidis.Builder, []rueidis.Completed) []rueidis.Completed {
	t.Helper()
	var all []int64
	var names []string
	for i, k := range keys {
		all = append(all, int64(1000+i))
		names = append(names, string(native.AppendRowPrefix(nil, g.View, 1))+string(k))
	}
	loaded(t, writer(t, address), "bench", g, written(t, g, 1, func(id int64) []float64 {
		values := make([]float64, benchFeatures)
		for i := range values {
			values[i] = float64(id) / float64(i+1)
		}
		return values
	}, all...))
	return func(b rueidis.Builder, to []rueidis.Completed) []rueidis.Completed {
		return append(to, b.Mget().Key(names...).Build())
	}
}

// BenchmarkWrite loads rows into a real server.
func BenchmarkWrite(b *testing.B) {
	const rows = 10_000
	server := servertest.StartRedis(b)
	w := writer(b, server.Address)
	var columns []store.Column
	for i := range 20 {
		columns = append(columns, float("feature_with_a_long_name_"+strconv.Itoa(i)))
	}
	g := group(b, "v", byID, columns...)
	var all []int64
	for i := range int64(rows) {
		all = append(all, i)
	}
	records := written(b, g, 1, func(id int64) []float64 { return []float64{float64(id)} }, all...)
	ctx := context.Background()
	standing, err := w.Begin(ctx, "bench", schemaOf(b, g))
	if err != nil {
		b.Fatal(err)
	}
	cpu := cpuOf(b, server.PID())
	for b.Loop() {
		if err := w.Write(ctx, standing.Rows, records); err != nil {
			b.Fatal(err)
		}
		standing.Rows += rows
	}
	b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64((cpuOf(b, server.PID())-cpu).Nanoseconds())/float64(rows*b.N), "server-cpu-ns/row")
}
