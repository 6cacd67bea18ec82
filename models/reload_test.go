package models

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"sluice/internal/fault"
	"sluice/models/bundle"
)

// says writes a model's own settings, or takes them away, and waits until what follows has come to its end.
func (r *rolled) says(text string) {
	r.t.Helper()
	path := filepath.Join(r.dir, "m", bundle.ConfigFile)
	if text == "" {
		r.must(os.Remove(path))
	} else {
		write(r.t, path, text)
	}
	r.looks()
}

// looks reads the folder until files have settled, and waits.
func (r *rolled) looks() {
	r.t.Helper()
	for range 2 {
		r.scan(func(*bundle.Bundle) bool { return false })
		time.Sleep(time.Second)
	}
	r.scan(func(*bundle.Bundle) bool { return false })
	if err := r.Wait(context.Background()); err != nil {
		r.t.Fatal(err)
	}
}

// served is the live version; nobody needs to release it, since nothing runs.
func (r *rolled) served() *Version {
	r.t.Helper()
	v, err := r.Acquire("m", "")
	if err != nil {
		r.t.Fatal(err)
	}
	v.Release()
	return v
}

// logged runs a test with a registry whose log it reads.
func logged(t *testing.T, change func(w *world, opts *Options), f func(r *rolled, log *observer.ObservedLogs)) {
	t.Helper()
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.put(t, "m/1", fakeFile{Factor: 1})
		core, log := observer.New(zapcore.InfoLevel)
		opts := w.options()
		opts.Log, opts.KeepPrevious = zap.New(core), true
		if change != nil {
			change(w, &opts)
		}
		f(&rolled{w, w.start(t, opts), t}, log)
	})
}

// TestModelSettingsTakeEffect changes a model's own settings under a version that serves: the version is
// proven again, takes its own place with the same identity and role, and requests inside end on the old one.
func TestModelSettingsTakeEffect(t *testing.T) {
	logged(t, nil, func(r *rolled, log *observer.ObservedLogs) {
		old := r.served()
		if old.Config.MaxBatch != 64 || old.Schema.MaxBatch != 64 {
			t.Fatalf("the start: %+v", old.Config)
		}
		r.must(r.Hold("m", By{Who: "alice"}))
		inside, err := r.Acquire("m", "")
		r.must(err)
		path := filepath.Join(r.dir, "m", bundle.ConfigFile)
		write(t, path, "max_batch: 8\nweight: 2\n")
		for range 3 {
			r.scan(func(*bundle.Bundle) bool { return false })
			time.Sleep(time.Second)
		}
		now := r.served()
		if now == old || now.Schema.MaxBatch != 8 || now.Config.Weight != 2 || now.Digest != old.Digest {
			t.Errorf("after the change: %+v", now.Config)
		}
		if got := answer(t, inside); got != 1 || r.closed.Load() != 0 {
			t.Errorf("the request inside is answered with %v, and %d sessions are closed", got, r.closed.Load())
		}
		if i := r.Index(); len(i) != 1 || i[0].Report != now.Report || i[0].Reason != "" {
			t.Errorf("the index has %+v", i)
		}
		inside.Release()
		r.want("the change", "1 READY live held")
		if r.closed.Load() != 1 {
			t.Errorf("%d sessions are closed, want the old one", r.closed.Load())
		}
		r.says("")
		if again := r.served(); again.Schema.MaxBatch != 64 || again.Config.Weight != 0 {
			t.Errorf("without the file: %+v", again.Config)
		}
		r.want("the file was taken away", "1 READY live held")
		r.looks()
		if n := r.opened.Load(); n != 3 {
			t.Errorf("%d loads, want 3", n)
		}
		if ends := log.FilterMessage("version unloaded").All(); len(ends) != 2 || ends[0].ContextMap()["reason"] != "it was loaded again with other settings of its model" {
			t.Errorf("the log has %+v", ends)
		}
	})
}

// TestBrokenModelSettings leaves a version as it was loaded, says once what is wrong and where, and tries again
// when the file is mended.
func TestBrokenModelSettings(t *testing.T) {
	logged(t, nil, func(r *rolled, log *observer.ObservedLogs) {
		f := func(text, want string) {
			t.Helper()
			old := r.served()
			r.says(text)
			r.looks()
			if r.served() != old {
				t.Errorf("%q: the version was replaced", text)
			}
			told := log.FilterMessage("settings refused: the version is served as it was loaded").TakeAll()
			if len(told) != 1 || told[0].ContextMap()["reason"] != want || told[0].ContextMap()["version"] != "1" {
				t.Errorf("%q: the log has %+v, want once %q", text, told, want)
			}
			if all := r.Degraded(); len(all) != 1 || all[0] != "model m version 1 is served as it was loaded, since the model's settings are refused: "+want {
				t.Errorf("%q: degraded is %q", text, all)
			}
			err := r.Load(context.Background(), "m")
			if !fault.Is(err, fault.ModelLoadFailed) || err.Error() != "load failed for model 'm': version 1 is served as it was loaded, since the model's settings were refused: "+want {
				t.Errorf("%q: a load says %v", text, err)
			}
			r.want(text, "1 READY live")
			log.TakeAll()
		}
		f("budget: 5ms\nmax_batch: lots\n", `files: ../model.yaml line 2: max_batch is "lots"; it must be a whole number`)
		f("budget: 5ms\n\nlineage: {a: b}\n", "files: ../model.yaml line 3: lineage is of one version: put it into the model.yaml of the version's own folder")
		f("unit: user\n", `schema: ../model.yaml: unit "user" is no input of the model; its inputs are x`)

		r.put(t, "m/2", fakeFile{Factor: 2})
		r.looks()
		r.want("a version that comes meanwhile", "1 READY live, 2 FAILED")
		r.says("max_batch: 16\n")
		r.want("the mended file", "1 READY previous, 2 READY live")
		for _, version := range []string{"1", "2"} {
			v, err := r.Acquire("m", version)
			r.must(err)
			if v.Schema.MaxBatch != 16 {
				t.Errorf("version %s has batches of %d", version, v.Schema.MaxBatch)
			}
			v.Release()
		}
		if err := r.Load(context.Background(), "m"); err != nil || len(r.Degraded()) > 0 {
			t.Errorf("%v, degraded %q", err, r.Degraded())
		}
	})
}

// TestPromoteByTheModel lets a model say itself what becomes of its versions.
func TestPromoteByTheModel(t *testing.T) {
	logged(t, func(w *world, _ *Options) {
		write(t, filepath.Join(w.dir, "m", bundle.ConfigFile), "promote: manual\n")
	}, func(r *rolled, _ *observer.ObservedLogs) {
		ctx, me := context.Background(), By{Who: "alice"}
		r.comes("2", 2)
		r.want("a version of a model with manual", "1 READY live, 2 READY candidate")
		r.must(r.Reject("m", "2", me))
		r.comes("3", 3)
		r.says("weight: 2\npromote: manual\n")
		r.want("a change of another setting", "1 READY live, 2 UNLOADED rejected, 3 READY candidate")
		r.says("promote: newest\n")
		r.want("newest", "1 READY previous, 2 UNLOADED rejected, 3 READY live")
		r.says("keep_previous: false\n")
		r.want("keep_previous is off", "1 UNLOADED previous, 2 UNLOADED rejected, 3 READY live")
		r.says("keep_previous: true\npromote: manual\n")
		r.want("and on again", "1 READY previous, 2 UNLOADED rejected, 3 READY live")
		r.must(r.Rollback(ctx, "m", me))
		r.want("a way back", "1 READY live, 2 UNLOADED rejected, 3 UNLOADED rejected")
		r.says("")
		r.want("the server's settings", "1 READY live, 2 UNLOADED rejected, 3 UNLOADED rejected")
		r.comes("4", 4)
		r.want("a version under them", "1 READY previous, 2 UNLOADED rejected, 3 UNLOADED rejected, 4 READY live")
	})
}

// A model's word comes before the server's, in both directions.
func TestPromoteAgainstTheServer(t *testing.T) {
	logged(t, func(w *world, opts *Options) {
		opts.Promote, opts.KeepPrevious = PromoteManual, false
		write(t, filepath.Join(w.dir, "m", bundle.ConfigFile), "promote: newest\nkeep_previous: true\n")
	}, func(r *rolled, _ *observer.ObservedLogs) {
		r.comes("2", 2)
		r.want("a newer version", "1 READY previous, 2 READY live")
		r.put(t, "n/1", fakeFile{Factor: 1})
		r.put(t, "n/2", fakeFile{Factor: 1})
		r.looks()
		v, err := r.Acquire("n", "")
		r.must(err)
		if v.Version != "2" {
			t.Errorf("another model serves version %s", v.Version)
		}
		v.Release()
	})
}

// A version whose files changed since it was loaded is not replaced by what lies there now.
func TestReloadOfChangedFiles(t *testing.T) {
	logged(t, nil, func(r *rolled, log *observer.ObservedLogs) {
		old := r.served()
		write(t, filepath.Join(r.dir, "m/1/model.onnx"), `{"Factor": 2}`)
		r.says("max_batch: 8\n")
		if r.served() != old || r.opened.Load() != 1 {
			t.Errorf("it was replaced, with %d loads", r.opened.Load())
		}
		if n := log.FilterMessage("files changed under a loaded version: it is served as it was loaded; add a new version instead").Len(); n != 1 {
			t.Errorf("the log says %d times that the files changed", n)
		}
	})
}

// TestReloadThatIsOvertaken unloads a model while it is being loaded again, and changes its settings meanwhile.
func TestReloadThatIsOvertaken(t *testing.T) {
	logged(t, nil, func(r *rolled, _ *observer.ObservedLogs) {
		ctx := context.Background()
		gate := make(chan struct{})
		r.gate = func(*bundle.Bundle) error { <-gate; return nil }
		begin := func(text string) {
			t.Helper()
			write(t, filepath.Join(r.dir, "m", bundle.ConfigFile), text)
			for range 3 {
				r.scan(func(*bundle.Bundle) bool { return false })
				time.Sleep(time.Second)
			}
			synctest.Wait()
		}
		begin("max_batch: 8\n")
		if got, want := roleTable(r.Registry), "1 READY live"; got != want || r.served().Schema.MaxBatch != 64 {
			t.Errorf("while it is loaded again: %s, want %s", got, want)
		}
		begin("max_batch: 16\n")
		gate <- struct{}{}
		synctest.Wait()
		if got := r.served().Schema.MaxBatch; got != 8 {
			t.Errorf("after the first load the batches have %d rows", got)
		}
		gate <- struct{}{}
		if err := r.Wait(ctx); err != nil {
			t.Fatal(err)
		}
		if got := r.served().Schema.MaxBatch; got != 16 {
			t.Errorf("after the second load the batches have %d rows", got)
		}
		begin("max_batch: 32 # rows\n")
		unloaded := make(chan error)
		go func() { unloaded <- r.Unload(ctx, "m") }()
		synctest.Wait()
		gate <- struct{}{}
		r.must(<-unloaded)
		r.want("it was unloaded", "1 UNLOADED live (serves: no)")
		close(gate)
		r.must(r.Load(ctx, "m"))
		if got := r.served().Schema.MaxBatch; got != 32 {
			t.Errorf("loaded anew, the batches have %d rows", got)
		}
	})
}

// TestReloadUnderTraffic changes settings while requests come and go: each finds a session that answers.
func TestReloadUnderTraffic(t *testing.T) {
	w := newWorld(t)
	w.put(t, "m/1", fakeFile{Factor: 1})
	r := &rolled{w, w.start(t, w.options()), t}
	ctx, cancel := context.WithCancel(context.Background())
	var callers sync.WaitGroup
	for range 4 {
		callers.Go(func() {
			for ctx.Err() == nil {
				v, err := r.Acquire("m", "")
				if err != nil {
					t.Error(err)
					return
				}
				if v.Preferred().Session.(*fakeSession).done.Load() {
					t.Error("pinned a version whose session is closed")
				}
				v.Release()
			}
		})
	}
	for n := 1; n <= 5; n++ {
		write(t, filepath.Join(r.dir, "m", bundle.ConfigFile), "max_batch: 1"+strings.Repeat("0", n%3)+"\n#"+strings.Repeat("#", n))
		if err := r.Load(ctx, "m"); err != nil {
			t.Error(err)
		}
	}
	cancel()
	callers.Wait()
	if n := r.closed.Load(); n != 5 {
		t.Errorf("%d versions were closed, want 5", n)
	}
}

// A device that comes back while a version is loaded again joins what serves afterwards.
func TestDeviceReturnsDuringReload(t *testing.T) {
	gpu := &fakeDevice{name: "gpu", lanes: 1}
	gpu.down.Store(true)
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.put(t, "m/1", fakeFile{Factor: 1})
		opts := w.options(gpu)
		opts.OnPlacement = (&joined{}).on
		r := &rolled{w, w.start(t, opts), t}
		gate := make(chan struct{})
		r.gate = func(*bundle.Bundle) error { <-gate; return nil }
		write(t, filepath.Join(r.dir, "m", bundle.ConfigFile), "max_batch: 8\n")
		for range 3 {
			r.scan(func(*bundle.Bundle) bool { return false })
			time.Sleep(time.Second)
		}
		synctest.Wait()
		gpu.down.Store(false)
		r.Attach("gpu")
		close(gate)
		if err := r.Wait(context.Background()); err != nil {
			t.Fatal(err)
		}
		if v := r.served(); v.Schema.MaxBatch != 8 || len(v.Placements()) != 2 || v.Preferred().Device != "gpu" {
			t.Errorf("batches of %d rows on %d devices: %+v", v.Schema.MaxBatch, len(v.Placements()), r.Index()[0].Report.Devices)
		}
	})
}

// What refuses a version by itself, and not its files, leaves what serves, too.
func TestReloadThatCannotBePublished(t *testing.T) {
	full := false
	logged(t, func(_ *world, opts *Options) {
		opts.Publish = func(*Version) (Served, error) {
			if full {
				return nil, errors.New("there is no room")
			}
			return unjoined{}, nil
		}
	}, func(r *rolled, log *observer.ObservedLogs) {
		old := r.served()
		full = true
		r.says("max_batch: 8\n")
		if r.served() != old || log.FilterMessage("settings refused: the version is served as it was loaded").Len() != 1 {
			t.Errorf("the log has %+v", log.All())
		}
	})
}
