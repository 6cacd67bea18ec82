package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"sluice/features/load"
	"sluice/features/native"
	"sluice/features/redis"
	"sluice/features/store"
	"sluice/internal/tensor"
	"sluice/test/rig"
)

// upWithin is how long a server may take until it answers.
const upWithin = 10 * time.Second

// server is a redis-server on loopback. It keeps what it has in a file, if it is asked to, and can be started again.
type server struct {
	*rig.Process
	rueidis.Client

	dir, addr string
	args      []string
}

// newServer starts a server whose files lie in a folder.
func newServer(dir string, args ...string) (*server, error) {
	addr, err := rig.FreeAddress()
	if err != nil {
		return nil, err
	}
	_, port, _ := strings.Cut(addr, ":")
	s := &server{dir: dir, addr: addr, args: append([]string{
		"--bind", "127.0.0.1", "--port", port, "--dir", dir, "--save", "", "--appendonly", "no", "--loglevel", "warning",
	}, args...)}
	return s, s.start()
}

// start starts it, again after an end, and waits until it answers.
func (s *server) start() (err error) {
	if s.Process, err = rig.Spawn(exec.Command("redis-server", s.args...)); err != nil {
		return err
	}
	for begun := time.Now(); time.Since(begun) < upWithin; time.Sleep(10 * time.Millisecond) {
		if s.Client, err = s.connect(); err == nil {
			return nil
		}
	}
	s.Process.End()
	return fmt.Errorf("redis-server does not answer within %v: %w\n%s%s", upWithin, err, s.Stdout(), s.Log())
}

// connect makes a client as bare as it can be: one connection, on which commands are pipelined, with buffers as the store's.
func (s *server) connect() (rueidis.Client, error) {
	const buffer, ring = 128 << 10, 9
	return rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{s.addr}, DisableCache: true, ForceSingleClient: true, AlwaysPipelining: true, AlwaysRESP2: true,
		PipelineMultiplex: -1, DisableRetry: true, ReadBufferEachConn: buffer, WriteBufferEachConn: buffer, RingScaleEachConn: ring,
	})
}

// ask carries out a command that the client has no words for.
func (s *server) ask(words ...string) rueidis.RedisResult {
	return s.Do(context.Background(), s.B().Arbitrary(words...).Build())
}

// end ends client and server.
func (s *server) end() {
	s.Client.Close()
	s.Process.End()
}

// resident is the bytes of memory that the process has, as it says itself.
func (s *server) resident() (int64, error) {
	text, err := s.Do(context.Background(), s.B().Info().Section("memory").Build()).ToString()
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, "used_memory_rss:"); ok {
			return strconv.ParseInt(strings.TrimSpace(value), 10, 64)
		}
	}
	return 0, errors.New("redis-server does not say its used_memory_rss")
}

// groupOf is a group of so many numbers.
func groupOf(columns int) *store.Group {
	g := store.Group{Name: "entity", View: "entity", Keys: []store.KeyColumn{{Name: "id", Type: store.Int64}}}
	for i := range columns {
		g.Columns = append(g.Columns, store.Column{Name: name(i), Type: tensor.FP32, Width: 1})
	}
	made, err := store.NewGroup(g)
	if err != nil {
		panic(fmt.Sprintf("BUG: %v", err))
	}
	return made
}

// name is a feature's, of 27 bytes.
func name(i int) string { return fmt.Sprintf("rolling_mean_of_feature_%03d", i) }

func idOf(v int64) store.Key { return store.AppendInt(nil, store.Int64, v) }

// loadNative loads rows into a native store in Redis.
func loadNative(s *server, g *store.Group, rows int64, value func(id int64, column int) (float32, bool)) error {
	w, err := redis.NewWriter(redis.Options{Addresses: []string{s.addr}, Layout: redis.Native}, g.View)
	if err != nil {
		return err
	}
	return errors.Join(loadRows(w, g, rows, value), w.Close())
}

// loadRows loads rows into a native store, as a load of a file does. Those that are there already stay.
func loadRows(w load.Writer, g *store.Group, rows int64, value func(id int64, column int) (float32, bool)) error {
	ctx := context.Background()
	schema, err := native.SchemaOf(g)
	if err != nil {
		return err
	}
	standing, err := w.Begin(ctx, "test/features", schema)
	if err != nil || standing.Visible {
		return err
	}
	const chunk = 500
	var into store.Rows
	records := make([]store.Record, 0, chunk)
	for from := standing.Rows; from < rows; from += int64(len(records)) {
		records = records[:0]
		n := min(chunk, rows-from)
		into.Reset(g, int(n))
		for i := range n {
			for c := range g.Columns {
				if v, ok := value(from+i, c); ok {
					into.SetFloat(int(i), c, float64(v))
				}
			}
			records = append(records, store.Record{Key: idOf(from + i), Value: schema.Append(nil, &into, int(i))})
		}
		if err := w.Write(ctx, from, records); err != nil {
			return err
		}
	}
	return w.Flip(ctx)
}
