package serve

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"sluice/features/fill"
)

// A version begins with what was usual for the one before: a store that is down when it is loaded is told of at its first look. What has been
// otherwise for a day is usual for the next one.
func TestUsualSharesOutliveAVersion(t *testing.T) {
	now := time.Now()
	u := openUsualShares("", zap.NewNop())
	u.now = func() time.Time { return now }
	look := func(stored, defaulted uint64, told bool) {
		t.Helper()
		r := newRates(nil, someFeature, u) // of another version each time
		left, _ := r.look([]fill.Values{{Feature: "user:age", Stored: stored, Default: defaulted}})
		u.note(r.usual())
		if (len(left) == 1) != told {
			t.Errorf("%d and %d: told of %q", stored, defaulted, left)
		}
	}
	look(990, 10, false)
	look(850, 150, true)
	look(0, 50, false) // too few to say
	now = now.Add(usualFor - time.Second)
	look(850, 150, true)
	now = now.Add(time.Second)
	look(850, 150, false)
	look(850, 150, false)
	for _, other := range []usualOf{
		{Model: "n", Store: "hot", View: "users", Feature: "user:age"},
		{Model: "m", Store: "cold", View: "users", Feature: "user:age"},
		{Model: "m", Store: "hot", View: "users_2", Feature: "user:age"},
		{Model: "m", Store: "hot", View: "users", Feature: "user:name"},
	} {
		if share, known := u.recall(other); known {
			t.Errorf("%v has the share %v", other, share)
		}
	}
}

// What is usual outlives the process in a folder, which two may share.
func TestUsualSharesAreKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	synctest.Test(t, func(t *testing.T) {
		of := func(n int) usualOf {
			return usualOf{Model: "m", Store: "hot", View: "v", Feature: fmt.Sprint("g:f", n)}
		}
		a := openUsualShares(dir, zap.NewNop())
		time.Sleep(saveEach / 4) // they write at different times
		b := openUsualShares(dir, zap.NewNop())
		a.note(map[usualOf]float64{of(1): 0.25, of(2): 0.5})
		time.Sleep(saveEach / 2) // before any file is written
		b.note(map[usualOf]float64{of(2): 0.75, of(3): 1})
		time.Sleep(saveEach)
		b.note(map[usualOf]float64{of(4): 0})
		a.close()
		b.close()
		c := openUsualShares(dir, zap.NewNop())
		defer c.close()
		for n, want := range []float64{1: 0.25, 0.75, 1, 0} {
			if share, known := c.recall(of(n)); known != (n > 0) || share != want {
				t.Errorf("feature %d has %v, %v; want %v", n, share, known, want)
			}
		}
	})
}

// A file that is damaged is complained of, read as far as it makes sense, and replaced.
func TestUsualSharesOfADamagedFile(t *testing.T) {
	f := func(text, complaint string, want int) {
		t.Helper()
		path := filepath.Join(t.TempDir(), usualFile)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		core, lines := observer.New(zapcore.WarnLevel)
		u := openUsualShares(filepath.Dir(path), zap.New(core))
		n := len(u.mu.all)
		u.note(map[usualOf]float64{someFeature[0]: 0.5})
		u.close()
		all := lines.All()
		if (complaint == "") != (len(all) == 0) || n != want || complaint != "" && !strings.Contains(fmt.Sprint(all[0].ContextMap()["error"]), complaint) {
			t.Errorf("%.60q: %d shares, %v", text, n, all)
		}
		again := openUsualShares(filepath.Dir(path), zap.NewNop())
		defer again.close()
		if share, known := again.recall(someFeature[0]); !known || share != 0.5 {
			t.Errorf("%.60q: %v, %v", text, share, known)
		}
	}
	line := `{"model":"m","store":"s","view":"v","feature":"g:%d","share":%s,"seen":"2099-01-02T03:04:05Z"}`
	f("", "it is not what was written there", 0)
	f("{", "it is not what was written there", 0)
	f(`{"usual_defaults":`+strings.Repeat(" ", maxUsualBytes)+`[]}`, "more than 4194304 bytes", 0)
	f(`{"usual_defaults":[`+fmt.Sprintf(line, 1, "0.5")+`,7,{},`+fmt.Sprintf(line, 2, "-1")+","+fmt.Sprintf(line, 3, "2")+","+fmt.Sprintf(line, 4, `"x"`)+`]}`, "", 1)
}

// As many are remembered as the file may hold, the newest ones.
func TestUsualSharesAreBounded(t *testing.T) {
	now := time.Unix(1e9, 0)
	u := openUsualShares("", zap.NewNop())
	u.now = func() time.Time { return now }
	name := strings.Repeat("n", 1000)
	for n := range maxUsual + 5 {
		now = now.Add(time.Second)
		u.note(map[usualOf]float64{{Model: name, Feature: fmt.Sprint(n)}: 0.5})
	}
	if _, known := u.recall(usualOf{Model: name, Feature: "4"}); known || len(u.mu.all) != maxUsual {
		t.Errorf("%d are remembered, the oldest among them: %v", len(u.mu.all), known)
	}
	text, err := encodeUsual(u.mu.all)
	if err != nil || len(text) > maxUsualBytes {
		t.Errorf("%d bytes, %v", len(text), err)
	}
	all, err := decodeUsual(text, now)
	if _, newest := all[usualOf{Model: name, Feature: fmt.Sprint(maxUsual + 4)}]; err != nil || !newest || len(all) < 1000 {
		t.Errorf("%d are left, the newest among them: %v; %v", len(all), newest, err)
	}
}

func FuzzUsualShares(f *testing.F) {
	f.Add([]byte(`{"usual_defaults":[{"model":"m","store":"s","view":"v","feature":"g:f","share":0.5,"seen":"2026-01-02T03:04:05Z"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		now := time.Unix(1e9, 0)
		all, err := decodeUsual(text, now)
		if err != nil {
			return
		}
		again, err := encodeUsual(all)
		if err != nil {
			t.Fatal(err)
		}
		if same, err := decodeUsual(again, now); err != nil || len(same) != len(all) {
			t.Errorf("%q becomes %q: %v", text, again, err)
		}
	})
}
