package redis

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"sluice/features/store"
	"sluice/internal/longtest"
	"sluice/internal/servertest"
	"sluice/internal/tensor"
)

func TestOptionsAreChecked(t *testing.T) {
	f := func(o Options, want string) {
		t.Helper()
		if s, err := New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", o, err, want)
			if err == nil {
				_ = s.Close()
			}
		}
	}
	one := []string{"127.0.0.1:1"}
	f(Options{}, "no address")
	f(Options{Addresses: []string{"a:1", "b:1"}}, "2 addresses")
	f(Options{Addresses: one, Layout: "flat"}, `layout "flat"`)
	f(Options{Addresses: one, Chunk: 5000}, "chunk of a redis store is 5000")
	f(Options{Addresses: one, Connections: -1}, "connections of a redis store is -1")
	f(Options{Addresses: one, Unanswered: 1000}, "unanswered of a redis store is 1000")
	f(Options{Addresses: one, ReadReplicas: true}, "has none")
	f(Options{Addresses: one, Replicas: one}, "names replicas")
	f(Options{Addresses: one, Timeout: 1}, "a time of a redis store is 1ns")
}

// named is the options of a store whose hashes are named by id and have texts.
func named(address string) Options {
	return Options{Addresses: []string{address}, Layout: Hashes, Hashes: map[string]Hash{"": {Key: "user:{id}", Time: "at"}}}
}

func TestReadOfHashes(t *testing.T) {
	m := mini(t)
	m.HSet("user:1", "a", "0.5", "b", "7", "c", "not asked for", "at", "1700000000")
	m.HSet("user:2", "b", "x")
	m.HSet("user:3", "a", "", "at", "never")
	if err := m.Set("user:4", "a string"); err != nil {
		t.Fatal(err)
	}
	s := open(t, named(m.Addr()))
	g := group(t, "v", byID, float("a"), float("b"))
	r := reader(t, s, g).(*hashes)
	for _, all := range []bool{false, true} {
		r.choice.all = all
		var rows store.Rows
		rows.Reset(g, 5)
		if err := r.Read(patient(t), 0, ids(1, 2, 3, 4, 5), &rows); err != nil {
			t.Fatal(err)
		}
		for key, want := range [][]float64{{0.5, 7}, {-1, -2}, {-1, -1}, {-2, -2}, {-1, -1}} {
			if got := numbers(&rows, key); !slices.Equal(got, want) || !rows.IsDone(key) {
				t.Errorf("all fields %t, key %d: %v, want %v", all, key, got, want)
			}
		}
		if rows.Time(0) != 1700000000e9 || rows.Time(2) != 0 {
			t.Error(rows.Time(0), rows.Time(2))
		}
	}
}

// TestWaysChange lets the measured times decide, and looks at what the server is asked.
func TestWaysAreTried(t *testing.T) {
	m := mini(t)
	for i := range 600 {
		m.HSet("user:1", "f"+strconv.Itoa(i), "1")
		if i < 5 {
			m.HSet("user:2", "f"+strconv.Itoa(i), "1")
		}
	}
	s := open(t, named(m.Addr()))
	g := group(t, "v", byID, float("f1"))
	f := func(key int64, largest int, barred bool) {
		t.Helper()
		r := reader(t, s, g).(*hashes)
		var rows store.Rows
		for range 2 * every {
			rows.Reset(g, 1)
			if err := r.Read(patient(t), 0, ids(key), &rows); err != nil || numbers(&rows, 0)[0] != 1 {
				t.Fatal(err, numbers(&rows, 0))
			}
		}
		c := &r.choice
		if c.largest != largest || c.barred != barred || (c.spent[1].keys > 0) == barred || c.spent[0].keys == 0 {
			t.Errorf("key %d: %+v", key, c)
		}
	}
	f(2, 5, false)
	f(1, 600, true)
}

func TestStartsBeforeTheServer(t *testing.T) {
	m := miniredis.NewMiniRedis()
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	address := m.Addr()
	m.Close()
	s := begin(t, named(address))
	g := group(t, "v", byID, float("a"))
	r := reader(t, s, g)
	var rows store.Rows
	rows.Reset(g, 1)
	err := r.Read(patient(t), 0, ids(1), &rows)
	if err == nil || !strings.Contains(err.Error(), address+" is not connected") || rows.IsDone(0) {
		t.Error(err)
	}
	if err := s.Ping(patient(t)); err == nil {
		t.Error("a server that is down answers")
	}
	late := miniredis.NewMiniRedis()
	late.HSet("user:1", "a", "3")
	if err := late.StartAddr(address); err != nil {
		t.Skip("another process has taken the port:", err)
	}
	defer late.Close()
	if _, err := s.narrow.wait(patient(t)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Ping(patient(t)), r.Read(patient(t), 0, ids(1), &rows)); err != nil || numbers(&rows, 0)[0] != 3 {
		t.Error(err, numbers(&rows, 0))
	}
}

// TestLateReplies holds replies back beyond the reads' contexts: nothing is written after Read, the connection stays.
func TestLateReplies(t *testing.T) {
	m := mini(t)
	m.HSet("user:1", "a", "1")
	p := newProxy(t, m.Addr())
	o := named(p.Addr().String())
	o.Unanswered = 4
	s := open(t, o)
	g := group(t, "v", byID, float("a"))
	r := reader(t, s, g)
	p.hold()
	var rows store.Rows
	for s.narrow.chunks.Load() < int64(o.Unanswered) { // a context may end before a read has begun
		rows.Reset(g, 1)
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		err := r.Read(ctx, 0, ids(1), &rows)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || rows.IsDone(0) {
			t.Fatal(err, rows.IsDone(0))
		}
	}
	if err := r.Read(patient(t), 0, ids(1), &rows); err == nil || !strings.Contains(err.Error(), "4 chunks of keys without a reply, the limit: `unanswered`") {
		t.Error(err)
	}
	p.mu.Lock()
	before := len(p.conns)
	p.mu.Unlock()
	p.flow()
	until(t, "the late replies, to be thrown away", func() bool { return s.narrow.chunks.Load() == 0 })
	if rows.IsDone(0) || numbers(&rows, 0)[0] != -1 {
		t.Error("a late reply was written")
	}
	if err := r.Read(patient(t), 0, ids(1), &rows); err != nil || numbers(&rows, 0)[0] != 1 {
		t.Error(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.conns) > before+2 { // a second connection may be made, none anew
		t.Errorf("%d connections, and %d before", len(p.conns), before)
	}
}

// TestReadGoesOn holds a reply back beyond the context of a read that goes on: it brings its rows when the reply comes.
func TestReadGoesOn(t *testing.T) {
	m := mini(t)
	m.HSet("user:1", "a", "1")
	m.HSet("user:2", "a", "2")
	p := newProxy(t, m.Addr())
	o := named(p.Addr().String())
	o.Chunk = 1
	s := open(t, o)
	g := group(t, "v", byID, float("a"))
	r := reader(t, s, g).(store.Lingerer)
	p.hold()
	var rows store.Rows
	rows.Reset(g, 2)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	done := make(chan error)
	go func() { done <- r.ReadOn(ctx, 0, ids(1, 2), &rows) }()
	until(t, "the chunks", func() bool { return s.narrow.chunks.Load() == 2 || ctx.Err() != nil })
	<-ctx.Done()
	select {
	case err := <-done:
		t.Error("it has returned without a reply:", err)
		p.flow()
	default:
		p.flow()
		if err := <-done; err != nil || numbers(&rows, 0)[0] != 1 || numbers(&rows, 1)[0] != 2 || !rows.IsDone(1) {
			t.Error(err, numbers(&rows, 0), numbers(&rows, 1))
		}
	}
	if err := r.ReadOn(ctx, 0, ids(1), &rows); !errors.Is(err, context.DeadlineExceeded) {
		t.Error("a read begins when its context has ended:", err)
	}
}

func TestLostConnections(t *testing.T) {
	for _, direct := range []bool{true, false} {
		m := mini(t)
		m.HSet("user:1", "a", "1")
		p := newProxy(t, m.Addr())
		s := open(t, named(p.Addr().String()))
		if s.narrow.all[0].taken.Store(!direct); s.narrow.all[0].direct == nil {
			t.Error("there is no direct connection")
		}
		g := group(t, "v", byID, float("a"))
		r := reader(t, s, g)
		var rows store.Rows
		for range 10 { // while a read waits for its reply, and while nothing does
			rows.Reset(g, 1)
			p.hold()
			done := make(chan error)
			go func() { done <- r.Read(patient(t), 0, ids(1), &rows) }()
			until(t, "a command", func() bool { return m.CommandCount() > 0 })
			p.flow()
			p.cut()
			if err := <-done; err != nil || numbers(&rows, 0)[0] != 1 {
				t.Fatalf("directly %t: %v", direct, err)
			}
		}
	}
}

// TestReadsThatAreAloneGoDirectly looks at which connection reads take, one after the other and many at a time.
func TestReadsThatAreAloneGoDirectly(t *testing.T) {
	m := mini(t)
	for i := range 9 {
		m.HSet("user:"+strconv.Itoa(i), "a", strconv.Itoa(i))
	}
	p := newProxy(t, m.Addr())
	o := named(p.Addr().String())
	o.Connections, o.Chunk = 1, 3
	s := open(t, o)
	g := group(t, "v", byID, float("a"))
	r := reader(t, s, g).(store.Lingerer)
	conns := func() int {
		p.mu.Lock()
		defer p.mu.Unlock()
		return len(p.conns) / 2
	}
	read := func(want int, keys ...int64) {
		t.Helper()
		var rows store.Rows
		rows.Reset(g, len(keys))
		if err := r.ReadOn(patient(t), 0, ids(keys...), &rows); err != nil {
			t.Fatal(err)
		}
		for i, key := range keys {
			if got := numbers(&rows, i)[0]; got != float64(key) {
				t.Errorf("key %d has %v", key, got)
			}
		}
		if n := conns(); n != want {
			t.Errorf("%d connections after %v, want %d", n, keys, want)
		}
	}
	if n := conns(); n != 1 {
		t.Errorf("%d connections before the first read", n)
	}
	s.narrow.all[0].taken.Store(true)
	read(1, 1)
	s.narrow.all[0].taken.Store(false)
	read(2, 1)
	read(2, 2)
	read(2, 0, 1, 2, 3, 4, 5, 6, 7, 8)
	if s.narrow.all[0].taken.Load() {
		t.Error("nobody gives the direct connection back")
	}
	if err := p.Close(); err != nil { // no connection can be made any more, and that for pipelines is there
		t.Error(err)
	}
	s.narrow.all[0].direct.Close()
	read(2, 3)
}

func TestServerErrors(t *testing.T) {
	m := mini(t)
	s := open(t, named(m.Addr()))
	g := group(t, "v", byID, float("a"))
	r := reader(t, s, g)
	var rows store.Rows
	rows.Reset(g, 2)
	if err := s.Ping(patient(t)); err != nil { // connections are made
		t.Fatal(err)
	}
	m.SetError("LOADING Redis is loading the dataset in memory")
	err := r.Read(patient(t), 0, ids(1, 2), &rows)
	if err == nil || !strings.Contains(err.Error(), `group "g"`) || !strings.Contains(err.Error(), "LOADING") || rows.IsDone(0) {
		t.Error(err)
	}
	m.SetError("")
	if err := r.Read(patient(t), 0, ids(1, 2), &rows); err != nil || !rows.IsDone(1) {
		t.Error(err)
	}
}

func TestPasswordIsAskedAgain(t *testing.T) {
	m := mini(t)
	m.RequireUserAuth("sluice", "old")
	m.HSet("user:1", "a", "1")
	p := newProxy(t, m.Addr())
	o := named(p.Addr().String())
	var mu sync.Mutex
	password := "old"
	o.User, o.Connections = "sluice", 1
	o.Password = func() (string, error) {
		mu.Lock()
		defer mu.Unlock()
		return password, nil
	}
	s := open(t, o)
	g := group(t, "v", byID, float("a"))
	r := reader(t, s, g)
	var rows store.Rows
	rows.Reset(g, 1)
	if err := r.Read(patient(t), 0, ids(1), &rows); err != nil {
		t.Error(err)
	}
	m.RequireUserAuth("sluice", "new")
	p.cut()
	rows.Reset(g, 1)
	if err := r.Read(patient(t), 0, ids(1), &rows); err == nil || !strings.Contains(err.Error(), "WRONGPASS") {
		t.Error(err)
	}
	mu.Lock()
	password = "new"
	mu.Unlock()
	if err := r.Read(patient(t), 0, ids(1), &rows); err != nil || !rows.IsDone(0) {
		t.Error(err)
	}
}

func TestClosedStore(t *testing.T) {
	m := mini(t)
	s := open(t, named(m.Addr()))
	g := group(t, "v", byID, float("a"), store.Column{Name: "wide", Type: tensor.FP32, Width: 1})
	r := reader(t, s, g)
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Error(err)
	}
	var rows store.Rows
	rows.Reset(g, 1)
	if err := r.Read(patient(t), 0, ids(1), &rows); !errors.Is(err, errClosed) {
		t.Error(err)
	}
}

// TestStoppedServer stops the process, and kills and starts it again.
func TestStoppedServer(t *testing.T) {
	server := servertest.StartRedis(t)
	s := open(t, named(server.Address))
	g := group(t, "v", byID, float("a"))
	r := reader(t, s, g)
	var rows store.Rows
	set := func() {
		t.Helper()
		c := *s.narrow.all[0].client.Load()
		if err := c.Do(patient(t), c.B().Hset().Key("user:1").FieldValue().FieldValue("a", "5").Build()).Error(); err != nil {
			t.Fatal(err)
		}
	}
	read := func(limit time.Duration) error {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		rows.Reset(g, 1)
		return r.Read(ctx, 0, ids(1), &rows)
	}
	good := func() {
		t.Helper()
		if err := read(patience); err != nil || numbers(&rows, 0)[0] != 5 {
			t.Error(err, numbers(&rows, 0))
		}
	}
	set()
	good()
	server.Signal(syscall.SIGSTOP)
	until(t, "the stop of the server", func() bool { return read(time.Millisecond) != nil })
	for range 20 {
		if err := read(time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	}
	server.Signal(syscall.SIGCONT)
	good()
	server.Kill()
	if err := read(patience); err == nil {
		t.Error("a server that is gone answers")
	}
	server.Start()
	ctx := patient(t)
	until(t, "the server", func() bool { return s.Ping(ctx) == nil })
	set()
	good()
}

// TestEachGetsItsOwn interleaves small reads at random, some of which end early: each finds the rows of its own keys.
func TestEachGetsItsOwn(t *testing.T) { interleave(t, 2_000) }

func TestEachGetsItsOwnForLong(t *testing.T) {
	longtest.Skip(t)
	interleave(t, 100_000)
}

func interleave(t *testing.T, reads int) {
	const keys, readers = 200, 16
	m := mini(t)
	for i := range keys {
		m.HSet(fmt.Sprint("user:", i), "a", strconv.Itoa(i), "b", strconv.Itoa(-i))
	}
	o := named(m.Addr())
	o.Chunk = 5 // some reads have two
	s := open(t, o)
	g := group(t, "v", byID, float("a"), float("b"))
	r := reader(t, s, g)
	var all sync.WaitGroup
	for seed := range readers {
		all.Go(func() {
			random := rand.New(rand.NewPCG(uint64(seed), 1))
			var rows store.Rows
			for range reads / readers {
				readSome(t, r, g, &rows, random.Perm(keys)[:1+random.IntN(8)], random)
			}
		})
	}
	all.Wait()
}

// readSome reads the rows of ids under a context that may end early.
func readSome(t *testing.T, r store.Reader, g *store.Group, rows *store.Rows, want []int, random *rand.Rand) {
	limit := patience
	if random.IntN(4) == 0 {
		limit = time.Duration(random.IntN(300)) * time.Microsecond
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	rows.Reset(g, len(want))
	asked := make([]store.Key, len(want))
	for i, v := range want {
		asked[i] = id(int64(v))
	}
	read := r.Read
	if random.IntN(2) == 0 {
		read = r.(store.Lingerer).ReadOn
	}
	err := read(ctx, 0, asked, rows)
	for i, v := range want {
		if rows.IsDone(i) && !slices.Equal(numbers(rows, i), []float64{float64(v), -float64(v)}) {
			t.Errorf("key %d has %v", v, numbers(rows, i))
		}
		if !rows.IsDone(i) && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("key %d was not read: %v", v, err)
		}
	}
}
