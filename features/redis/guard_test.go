package redis

import (
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2/server"

	"sluice/features/store"
)

// TestServerBreaksTheProtocol has a server answer with what would end the process, or take its memory. It costs the read.
func TestServerBreaksTheProtocol(t *testing.T) {
	f := func(answer, want string) {
		t.Helper()
		p := newPlain(t, nil)
		if err := p.Register("GET", func(c *server.Peer, _ string, _ []string) { c.WriteRaw(answer) }); err != nil {
			t.Fatal(err)
		}
		s := open(t, Options{Addresses: []string{p.Addr().String()}})
		b, err := newBatch(s.narrow)
		if err != nil {
			t.Fatal(err)
		}
		b.commands = append(b.commands, b.client.B().Get().Key("k").Build())
		b.lane.senders.Run(b)
		if !b.wait(patient(t)) {
			t.Fatalf("%.40q: there is no answer", answer)
		}
		if err := b.replies[0].Error(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %q", answer, err, want)
		}
		b.release()
	}
	f("$-2\r\n", "a length is -2")
	f("*-7\r\n", "a length is -7")
	f("$2147483647\r\n", "a value has 2147483647 bytes")
	f("$9223372036854775807\r\n", "a length has the byte '8', or is too large")
	f("*2147483647\r\n", "a message has 2147483647 elements or more")
	f(strings.Repeat("*1000000\r\n", 100), "a message has 1000000 elements or more")
	f("$one\r\n", "a length has the byte 'o'")
	f("+"+strings.Repeat("x", 1<<20), "a line is longer than 65536 bytes")
	f("HTTP/1.1 400 Bad Request\r\n\r\n", "a message begins with the byte 'H'")
	f("%1\r\n", "a message begins with the byte '%'")
}

// TestUnaskedReplies has a server go on after its answer.
func TestUnaskedReplies(t *testing.T) {
	p := newPlain(t, nil)
	if err := p.Register("MGET", func(c *server.Peer, _ string, _ []string) {
		c.WriteRaw("*1\r\n$-1\r\n" + strings.Repeat("+OK\r\n", 100))
	}); err != nil {
		t.Fatal(err)
	}
	s := open(t, Options{Addresses: []string{p.Addr().String()}, Layout: Native})
	g := group(t, "v", byID, float("a"))
	r := reader(t, s, g)
	for range 20 {
		var rows store.Rows
		rows.Reset(g, 1)
		if err := r.Read(patient(t), 1, ids(1), &rows); err != nil && !strings.Contains(err.Error(), errUnasked.Error()) {
			t.Fatal(err)
		}
	}
}

// FuzzFraming follows bytes whole and in pieces: the same is seen.
func FuzzFraming(f *testing.F) {
	for _, text := range []string{
		"+OK\r\n:7\r\n", "$3\r\nabc\r\n$-1\r\n$0\r\n\r\n", "*2\r\n*1\r\n$1\r\na\r\n-ERR no\r\n*0\r\n*-1\r\n", "*3\r\n$1\r\na\r\n", "$-2\r\n", "*1000000\r\n*1000000\r\n", "+a", "$12", "",
	} {
		f.Add([]byte(text), uint8(1))
		f.Add([]byte(text), uint8(3))
	}
	f.Fuzz(func(t *testing.T, text []byte, size uint8) {
		var whole, cut framing
		err := whole.add(text)
		var other error
		for rest := text; len(rest) > 0 && other == nil; {
			n := min(len(rest), max(int(size), 1))
			other = cut.add(rest[:n])
			rest = rest[n:]
		}
		at := func(f *framing) [4]int64 { return [4]int64{f.pending, f.size, f.skip, int64(f.line)} }
		if (err == nil) != (other == nil) || whole.whole != cut.whole || err == nil && at(&whole) != at(&cut) {
			t.Fatalf("%q in one: %+v, %v; in pieces of %d: %+v, %v", text, whole, err, size, cut, other)
		}
	})
}

// TestFraming counts messages.
func TestFraming(t *testing.T) {
	f := func(text string, want uint64) {
		t.Helper()
		var got framing
		if err := got.add([]byte(text)); err != nil || got.whole != want {
			t.Errorf("%q: %d messages, %v; want %d", text, got.whole, err, want)
		}
	}
	f("", 0)
	f("+OK\r\n:7\r\n-ERR no\r\n", 3)
	f("$3\r\nabc\r\n$-1\r\n$0\r\n\r\n", 3)
	f("*2\r\n*1\r\n$1\r\na\r\n$2\r\n\r\n\r\n*0\r\n*-1\r\n", 3)
	f("*2\r\n$1\r\na\r\n", 0)
	f("$5\r\n+OK\r\n\r\n", 1)
	f("$5\r\n+OK\r\n", 0)
}

// BenchmarkFraming follows a reply to an HMGET of 100 short values.
func BenchmarkFraming(b *testing.B) {
	text := []byte("*100\r\n" + strings.Repeat("$5\r\nabcde\r\n", 100))
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		var f framing
		if err := f.add(text); err != nil || f.whole != 1 {
			b.Fatal(err, f)
		}
	}
}
