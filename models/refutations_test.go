package models

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"sluice/models/bundle"
	"sluice/models/gates"
)

// digestOf is some bundle's identity.
func digestOf(n int) string { return fmt.Sprintf("%064x", n) }

// keep notes and saves.
func (m *refutations) keep(v *Version, off sharing, text string) error {
	m.note(v.Digest, v.Name, v.Version, off, text)
	return m.save()
}

// TestMemory switches things off and opens the folder again.
func TestMemory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "when needed")
	m := openRefutations(dir, zap.NewNop())
	for i, off := range []sharing{batchingOff, paddingOff, paddingOff, batchingOff} {
		v := &Version{Name: "m", Version: "1", Digest: digestOf(i % 3)}
		if err := m.keep(v, off, fmt.Sprintf("%v, the %dth time", off, i)); err != nil {
			t.Fatal(err)
		}
	}
	f := func(m *refutations, n int, off sharing, text string) {
		t.Helper()
		if gotOff, gotText := m.lookup(digestOf(n)); gotOff != off || gotText != text {
			t.Errorf("bundle %d: %d %q, want %d %q", n, gotOff, gotText, off, text)
		}
	}
	v := &Version{Digest: digestOf(1)}
	if err := m.keep(v, batchingOff, "both"); err != nil {
		t.Fatal(err)
	}
	for _, m := range []*refutations{m, openRefutations(dir, zap.NewNop())} {
		f(m, 0, batchingOff, "batching is switched off, the 0th time")
		f(m, 1, batchingOff|paddingOff, "both")
		f(m, 2, paddingOff, "padding is switched off, the 2th time")
		f(m, 3, 0, "")
	}
	if names, err := filepath.Glob(filepath.Join(dir, ".*")); err != nil || len(names) > 0 {
		t.Errorf("left behind: %v, %v", names, err)
	}
}

// TestMemoryOfTwoProcesses has each add to what the other has written.
func TestMemoryOfTwoProcesses(t *testing.T) {
	dir := t.TempDir()
	one, other := openRefutations(dir, zap.NewNop()), openRefutations(dir, zap.NewNop())
	for i, m := range []*refutations{one, other, one} {
		if err := m.keep(&Version{Digest: digestOf(i)}, batchingOff, "wrong"); err != nil {
			t.Fatal(err)
		}
	}
	if m := openRefutations(dir, zap.NewNop()); len(m.mu.all) != 3 {
		t.Errorf("%d bundles are remembered, want 3", len(m.mu.all))
	}
}

// TestMemoryIsBounded remembers the latest, whatever their texts are made of.
func TestMemoryIsBounded(t *testing.T) {
	var all []remembered
	for i := range maxRemembered + 10 {
		line := remembered{Digest: digestOf(i), Batching: true, Text: strings.Repeat("\"\x01\\", 1000)}
		line.tidy()
		all = merge(all, line)
	}
	if len(all) != maxRemembered || all[0].Digest != digestOf(10) {
		t.Errorf("%d lines from %s on", len(all), all[0].Digest)
	}
	dir := t.TempDir()
	if err := writeMemory(dir, all); err != nil {
		t.Fatal(err)
	}
	back, err := readMemory(dir)
	if err != nil || len(back) == 0 || back[len(back)-1].Digest != digestOf(maxRemembered+9) {
		t.Errorf("%d lines came back, %v", len(back), err)
	}
}

// TestMemoryThatCannotBeRead is complained of and replaced.
func TestMemoryThatCannotBeRead(t *testing.T) {
	f := func(text, fault string) {
		t.Helper()
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, RefutationsFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		core, logs := observer.New(zapcore.WarnLevel)
		m := openRefutations(dir, zap.New(core))
		if off, _ := m.lookup(digestOf(1)); off != 0 || logs.Len() != 1 || !strings.Contains(logs.All()[0].ContextMap()["error"].(string), fault) {
			t.Errorf("%.20q: off %d, said %+v", text, off, logs.All())
		}
		if err := m.keep(&Version{Digest: digestOf(1)}, paddingOff, "wrong"); err != nil {
			t.Error(err)
		}
		if off, _ := openRefutations(dir, zap.NewNop()).lookup(digestOf(1)); off != paddingOff {
			t.Errorf("%.20q: it was not replaced", text)
		}
	}
	f("", "it is not what was written there")
	f(`{"unbatched": [{"digest": `, "it is not what was written there")
	f(`{"unbatched": "all"}`, "it is not what was written there")
	f(strings.Repeat(" ", maxRefutationsBytes+1), "it has more than 1048576 bytes")
}

func TestDecodeMemory(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		all, err := decodeMemory([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range all {
			got = append(got, fmt.Sprintf("%.2s %v %s", e.Digest[62:], e.off(), e.Text))
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
	one, two := digestOf(1), digestOf(2)
	f(`{}`)
	f(`{"unbatched": null, "later": 1}`)
	f(`{"unbatched": [{"digest": "`+one+`", "batching_off": true, "text": "a\nb", "later": {}}]}`, "01 batching is switched off a b")
	f(`{"unbatched": [{"digest": "`+one+`"}, {"digest": "x", "batching_off": true}, 7, {"digest": 7}, {"digest": "`+two+`", "padding_off": true}]}`, "02 padding is switched off ")
	f(`{"unbatched": [{"digest": "`+one+`", "padding_off": true}, {"digest": "`+one+`", "batching_off": true, "text": "x"}]}`, "01 batching and padding are switched off x")
}

func FuzzDecodeMemory(f *testing.F) {
	f.Add([]byte(`{"unbatched": [{"digest": "` + digestOf(1) + `", "model": "m", "version": "1", "batching_off": true, "text": "wrong", "since": "2026-01-02T03:04:05Z"}]}`))
	f.Add([]byte(`{"unbatched": [7, {"digest": "x"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		all, err := decodeMemory(text)
		if err != nil {
			return
		}
		if len(all) > maxRemembered {
			t.Fatalf("%d lines", len(all))
		}
		for i := range all {
			if e := &all[i]; !bundle.IsDigest(e.Digest) || e.off() == 0 || len(e.Text) > maxRememberedText {
				t.Fatalf("%+v", e)
			}
		}
		once, err := encodeMemory(all)
		if err != nil {
			return // a time that JSON has no words for
		}
		again, err := decodeMemory(once)
		if err != nil {
			t.Fatal(err)
		}
		if twice, err := encodeMemory(again); err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("%s\nbecame\n%s\n%v", once, twice, err)
		}
	})
}

// TestRestartRemembers stops batching or padding live and starts again over the same files.
func TestRestartRemembers(t *testing.T) {
	padding := "padding: {axis: seq, buckets: [4, 8]}"
	f := func(name string, distort func(*fakeRun), check func(t *testing.T, v *Version), gate string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			t.Helper()
			bubble(t, func(t *testing.T) {
				state := t.TempDir()
				keep := func(o *Options) { o.State = state }
				w := serveBatched(t, fakeFile{Factor: 2, Sequence: true}, keep, nil, bundle.ConfigFile, padding)
				w.cpu.distort = distort
				w.offer(w.together(t, []float32{1, 2, 3}, []float32{1, 2, 3})[0])
				said := w.logs.FilterMessageSnippet("switched off").All()
				if len(said) != 1 || said[0].ContextMap()["remedy"] != nil {
					t.Fatalf("said %+v", said)
				}
				// The same files, served anew by the same process and by another.
				w.release()
				if err := w.registry.Unload(context.Background(), "m"); err != nil {
					t.Fatal(err)
				}
				if err := w.registry.Load(context.Background(), "m"); err != nil {
					t.Fatal(err)
				}
				again := &comparedVersion{world: &world{dir: w.dir, cpu: &fakeDevice{name: "cpu", lanes: 2}}}
				again.serve(t, keep)
				for _, r := range []*Registry{w.registry, again.registry} {
					v, err := r.Acquire("m", "")
					if err != nil {
						t.Fatal(err)
					}
					check(t, v)
					if g := v.Report.Gate("schema"); g.Outcome != gates.Changed || !strings.HasPrefix(g.Text, gate) {
						t.Errorf("%+v, want %q", g, gate)
					}
					if v.Alone() || len(r.Degraded()) != 1 || !strings.Contains(r.Degraded()[0], "does without what live answers refuted before") {
						t.Errorf("alone %v, degraded %q", v.Alone(), r.Degraded())
					}
					v.Release()
				}
			})
		})
	}
	f("batching", shares, func(t *testing.T, v *Version) {
		if b := v.Report.Batching; v.Schema.Batchable() || b.Mode != bundle.Single || b.Basis != bundle.Refuted {
			t.Errorf("batches of %d, %+v", v.Schema.MaxBatch, b)
		}
	}, "served unbatched, as live answers showed before: batching is switched off: a live row")
	f("padding", func(run *fakeRun) {
		for i, row := range run.rows {
			run.out[i][0] += float32(len(row))
		}
	}, func(t *testing.T, v *Version) {
		if v.Schema.MaxBatch != 64 || v.Schema.Padding != nil {
			t.Errorf("batches of %d, padding %+v", v.Schema.MaxBatch, v.Schema.Padding)
		}
	}, "served unpadded, as live answers showed before: padding is switched off: a live row")
}

// TestStateThatCannotBeWritten stops batching all the same, and says what to do.
func TestStateThatCannotBeWritten(t *testing.T) {
	bubble(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		w := serveBatched(t, fakeFile{Factor: 2}, func(o *Options) { o.State = filepath.Join(file, "below") }, nil)
		w.cpu.distort = shares
		w.offer(w.together(t, []float32{1, 2}, []float32{3, 4})[0])
		said := w.logs.FilterMessage("what is switched off cannot be remembered").All()
		if len(said) != 1 || w.logs.FilterMessage("batching is switched off").Len() != 1 || !w.version.Alone() {
			t.Fatalf("alone %v, said %+v", w.version.Alone(), w.logs.All())
		}
		if remedy := said[0].ContextMap()["remedy"].(string); !strings.Contains(remedy, "write max_batch: 0 in model.yaml") || !strings.Contains(remedy, "cannot write unbatched.json in the state folder") {
			t.Errorf("the remedy is %q", remedy)
		}
	})
}
