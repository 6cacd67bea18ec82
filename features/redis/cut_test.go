package redis

import (
	"sync"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"

	"sluice/features/native"
	"sluice/features/store"
)

// loadAll loads rows in writes of two, from where an earlier load has come to.
func loadAll(t *testing.T, w *Writer, source string, schema *native.Schema, rows []store.Record) error {
	t.Helper()
	ctx := patient(t)
	standing, err := w.Begin(ctx, source, schema)
	if err != nil || standing.Visible {
		return err
	}
	for from := int(standing.Rows); from < len(rows); from += 2 {
		if err := w.Write(ctx, int64(from), rows[from:min(from+2, len(rows))]); err != nil {
			return err
		}
	}
	return w.Flip(ctx)
}

// dieAt has a server close each connection at its command of that number, before it is done, and at all later ones. It does so
// until revived, which tells how many commands there were.
func dieAt(m *miniredis.Miniredis, number int) (revive func() (commands int)) {
	var mu sync.Mutex
	n := 0
	clients := map[*server.Peer]bool{} // a script's commands come from nobody who has said hello
	m.Server().SetPreHook(func(c *server.Peer, cmd string, _ ...string) bool {
		mu.Lock()
		defer mu.Unlock()
		if cmd == "HELLO" {
			clients[c] = true
		}
		if cmd == "HELLO" || cmd == "PING" || !clients[c] {
			return false
		}
		if n++; n >= number {
			c.Close()
		}
		return n >= number
	})
	return func() int {
		m.Server().SetPreHook(nil)
		mu.Lock()
		defer mu.Unlock()
		return n
	}
}

// TestLoadIsCut has a load die at each of its commands and another one resume it: in the end the source's rows are visible.
func TestLoadIsCut(t *testing.T) {
	g := group(t, "v", byID, float("a"), float("b"))
	schema := schemaOf(t, g)
	before := written(t, g, 1, times(1), 1, 2, 3, 4, 5, 6)
	rows := written(t, g, 2, times(10), 1, 2, 3, 4, 5)
	for number, died := 1, true; died; number++ {
		m := mini(t)
		if err := loadAll(t, writer(t, m.Addr()), "before", schema, before); err != nil {
			t.Fatal(err)
		}
		revive := dieAt(m, number)
		err := loadAll(t, writer(t, m.Addr()), "source", schema, rows)
		if died = revive() >= number; died == (err == nil) {
			t.Fatalf("command %d fails, is %t, and the load says %v", number, died, err)
		}
		w := writer(t, m.Addr())
		c, err := w.client(patient(t))
		if err != nil {
			t.Fatal(err)
		}
		if p, _, err := w.pointer(patient(t), c); err != nil || died && p.Visible != 1 {
			t.Fatalf("command %d failed, and half a load is visible: %s, %v", number, p, err)
		}
		if err := loadAll(t, w, "source", schema, rows); err != nil {
			t.Fatalf("after command %d: %v", number, err)
		}
		p, _, err := w.pointer(patient(t), c)
		if err != nil || p.Visible == 1 || p.Previous != 1 || p.Loading != 0 {
			t.Fatalf("after command %d the generations are %s, %v", number, p, err)
		}
		s := open(t, Options{Addresses: []string{m.Addr()}, Layout: Native})
		r := reader(t, s, g)
		sees(t, r, p.Visible)
		for key := range int64(5) {
			has(t, r, g, p.Visible, key+1, float64(10*(key+1)), 0.5)
		}
		has(t, r, g, p.Visible, 6, -1, -1)
	}
}
