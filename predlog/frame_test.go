package predlog

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"sluice/internal/origin"
	"sluice/predlog/table"
)

// spoolOf is a spool with so many records and their numbers.
func spoolOf(records int) []byte {
	w := &Writer{redact: newRedactor(nil, nil)}
	spool := []byte(magic)
	frame := func(payload []byte) {
		f := append(make([]byte, frameHeader), payload...)
		seal(f)
		spool = append(spool, f...)
	}
	for i := range records {
		frame(w.appendRecord(nil, testRecord(i), &choice{tensors: table.TensorsKept, weight: 1}, int64(i)))
	}
	frame(appendNumbers(nil, Numbers{Requests: uint64(records), Seen: 7}))
	return spool
}

func readAll(spool []byte) (ids []string, s Spool, err error) {
	s, err = readSpool(bytes.NewReader(spool), int64(len(spool)), func(r *table.Row) error {
		ids = append(ids, r.ID)
		return nil
	})
	return ids, s, err
}

// Wherever a spool ends or is damaged, what is whole before it is read, and nothing else.
func TestTornSpools(t *testing.T) {
	const records = 4
	spool := spoolOf(records)
	whole, _, err := readAll(spool)
	if err != nil || len(whole) != records {
		t.Fatalf("%q, %v", whole, err)
	}
	for cut := range spool {
		ids, s, err := readAll(spool[:cut])
		if err != nil || int(s.Records) != len(ids) || len(ids) > 0 && !reflect.DeepEqual(ids, whole[:len(ids)]) {
			t.Fatalf("cut at %d: %q, %+v, %v", cut, ids, s, err)
		}
		again, rest, err := readAll(spool[:cut-int(s.Torn)])
		if err != nil || len(again) != len(ids) || rest.Torn != 0 {
			t.Fatalf("cut at %d: %d bytes are torn, and without them %+v, %v", cut, s.Torn, rest, err)
		}
	}
	for at := range spool {
		damaged := bytes.Clone(spool)
		damaged[at] ^= 0x40
		ids, s, err := readAll(damaged)
		if err != nil || s.Torn == 0 || len(ids) > records || len(ids) > 0 && !reflect.DeepEqual(ids, whole[:len(ids)]) {
			t.Fatalf("damaged at %d: %q, %+v, %v", at, ids, s, err)
		}
	}
	if _, s, _ := readAll(spool); s.Torn != 0 || s.Numbers.Seen != 7 || s.Numbers.Requests != records {
		t.Errorf("%+v", s)
	}
}

// A frame that is whole and cannot be understood is of another program: it is an error, and the spool stays.
func TestSpoolOfANewerProgram(t *testing.T) {
	dir := t.TempDir()
	odd := append(make([]byte, frameHeader), '?', 1, 2)
	seal(odd)
	path := filepath.Join(dir, "20260101T000000.000000000Z"+spoolSuffix)
	if err := os.WriteFile(path, append(spoolOf(2), odd...), 0o600); err != nil {
		t.Fatal(err)
	}
	w, logs := start(t, Options{Dir: dir, Sample: 1})
	finish(t, w)
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
	found := false
	for _, l := range logs.All() {
		found = found || strings.Contains(l.Message, "cannot be converted") && strings.Contains(l.ContextMap()["error"].(string), "begins with the byte 0x3f")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*"+partSuffix)); !found || len(left) > 0 {
		t.Errorf("%q are left, it logs %v", left, logs.All())
	}
}

// Whatever bytes a spool has, reading it ends, and what it gives can be written again.
func FuzzReadSpool(f *testing.F) {
	spool := spoolOf(3)
	f.Add(spool)
	f.Add(spool[:len(spool)/2])
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, spool []byte) {
		n, size := int64(0), 0
		s, err := readSpool(bytes.NewReader(spool), int64(len(spool)), func(r *table.Row) error {
			n++
			for _, list := range [][]table.Tensor{r.Inputs, r.Outputs} {
				for i := range list {
					size += len(list[i].Raw) + 8*len(list[i].Shape)
				}
			}
			return nil
		})
		if s.Records != n && err == nil || size > 8*len(spool) || s.Torn < 0 || s.Torn > int64(len(spool)) {
			t.Errorf("%+v, %d records with %d bytes of %d, %v", s, n, size, len(spool), err)
		}
	})
}

// Payloads get past the checksum here.
func FuzzDecodeRecord(f *testing.F) {
	w := &Writer{redact: newRedactor(nil, nil)}
	f.Add(w.appendRecord(nil, testRecord(3), &choice{tensors: table.TensorsKept, weight: 20}, 5)[1:])
	f.Add(w.appendRecord(nil, testRecord(3), &choice{tensors: table.TensorsCapped}, 5)[1:])
	cached := func(int, int) origin.Status { return origin.Cached }
	f.Add(w.appendRecord(nil, filledRecord(2, cached, func(_, row int) time.Duration { return time.Duration(row) }), &choice{tensors: table.TensorsKept}, 5)[1:])
	f.Fuzz(func(t *testing.T, payload []byte) {
		var r table.Row
		_, _ = decodeNumbers(payload) // it ends
		_ = decodeRecord(oldestFrame, payload, &r)
		_ = decodeRecord(olderFrame, payload, &r)
		err := decodeRecord(recordFrame, payload, &r)
		if err != nil {
			return
		}
		var out bytes.Buffer
		to := table.NewWriter(&out)
		if err := to.Write([]table.Row{r}); err != nil {
			t.Fatal(err)
		}
		if err := to.Close(nil); err != nil {
			t.Fatal(err)
		}
	})
}
