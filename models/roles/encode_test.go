package roles

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// sealed is a body with its digest before it.
func sealed(body string) []byte {
	return fmt.Appendf(nil, "# sha256: %x\n%s", sha256.Sum256([]byte(body)), body)
}

var noon = time.Date(2026, 1, 2, 12, 0, 0, 5e6, time.UTC)

func TestFile(t *testing.T) {
	one, two := ref(1), ref(2)
	text, err := encode(generation{
		&State{Schema: Schema, Generation: 12, Holder: Holder{"abc", "127.0.0.1:8081"}, Models: map[string]Model{
			"b": {},
			"1e5": {
				Live: &two, Previous: &one, Canary: &Canary{ref(3), 0.1}, Shadow: []Ref{ref(4)}, Others: []Named{{"b", ref(7)}}, Hold: true, Rejected: []Ref{ref(5), ref(6)},
				Plan: &Plan{Ref: ref(3), Phase: "canary", Step: 2, Since: noon, Until: noon.Add(time.Second), Again: true, Why: "step 1 was well"},
			},
			"null": {Hold: true},
		}},
		Entry{Time: noon, Generation: 12, Who: "Zoë", Action: "canary", Model: "1e5", Of: "b", Version: "3", Digest: digest(3), Share: 0.1, Reason: `say "*why* & [where]: {a\b}" # !`},
	})
	if err != nil {
		t.Fatal(err)
	}
	body := strings.NewReplacer("$", strings.Repeat("0", 63)).Replace(`schema: 3
generation: 12
holder:
  id: "abc"
  admin: "127.0.0.1:8081"
models:
  "1e5":
    hold: true
    live: "2@$2"
    previous: "1@$1"
    canary: "3@$3"
    share: "0.1"
    shadow:
      - "4@$4"
    others:
      - "b:7@$7"
    rejected:
      - "5@$5"
      - "6@$6"
    plan:
      version: "3@$3"
      phase: "canary"
      step: 2
      since: "2026-01-02T12:00:00.005Z"
      until: "2026-01-02T12:00:01.005Z"
      again: true
      why: "step 1 was well"
  "b":
    hold: false
  "null":
    hold: true
entry:
  time: "2026-01-02T12:00:00.005Z"
  who: "Zoë"
  action: "canary"
  model: "1e5"
  of: "b"
  version: "3"
  digest: "$3"
  reason: "say \"\x2awhy\x2a \x26 [where]: {a\\b}\" # !"
  share: "0.1"
`)
	if want := sealed(body); string(text) != string(want) {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
}

func TestFilesThatAreRefused(t *testing.T) {
	const entry = "entry:\n  time: \"2026-01-02T12:00:00Z\"\n  action: \"x\"\n"
	body := func(models string) string { return "schema: 1\ngeneration: 1\nmodels:\n" + models + entry }
	f := func(text []byte, want string) {
		t.Helper()
		g, err := decode(text)
		if g.state != nil {
			t.Errorf("%s: took %+v", text, g.state)
		}
		contains(t, err, want)
	}
	if _, err := decode(sealed(body("  \"m\":\n    hold: true\n"))); err != nil {
		t.Fatal(err)
	}
	f(nil, "it does not begin with its digest")
	f([]byte("# sha256: 00\n"), "it is torn, or was changed")
	whole := sealed(body("  \"m\":\n    hold: true\n"))
	for n := range whole {
		f(whole[:n], "it")
		flipped := append([]byte(nil), whole...)
		flipped[n] ^= 4
		f(flipped, "it")
	}
	f(sealed("schema: 1\na: "+strings.Repeat("[", 9000)), "brackets and braces")
	f(sealed("schema: 4\nwhat: ever\n"), "a newer one wrote it")
	f(sealed("schema: 0\n"), "it has schema 0; it must be from 1 to 3")
	f(sealed(entry), "it has schema 0; it must be from 1 to 3")
	f(sealed("schema: 1\ngeneration: -1\n"+entry), "line 3: cannot unmarshal -1")
	f(sealed("schema: 1\ngeneration: 1\nstray: 1\n"+entry), "line 4: unknown field")
	f(sealed("schema: 1\ngeneration: 1\n"), "the entry's time")
	plan := func(more string) string {
		return "  \"m\":\n    hold: true\n    plan:\n      version: \"1@" + digest(1) + "\"\n      phase: \"look\"\n" + more
	}
	since := "      since: \"2026-01-02T12:00:00Z\"\n"
	f(sealed(body(plan(since))), "it has schema 1 and a plan, which schema 2 has")
	f(sealed(body(plan(""))), "the plan does not say since when")
	f(sealed(body(plan(since+"      until: \"noon\"\n"))), "the plan's time \"noon\"")
	f(sealed(body(plan(since+"      step: -1\n"))), "the plan's step is -1")
	others := func(schema int, names ...string) []byte {
		text := strings.Replace(body("  \"m\":\n    others:\n"), "schema: 1", fmt.Sprint("schema: ", schema), 1)
		lines := ""
		for _, name := range names {
			lines += "      - \"" + name + "\"\n"
		}
		return sealed(strings.Replace(text, "others:\n", "others:\n"+lines, 1))
	}
	f(others(1, "n:"+ref(1).String()), "it has schema 1 and a shadow of another model, which schema 3 has")
	f(others(2, "n:"+ref(1).String()), "it has schema 2 and a shadow of another model, which schema 3 has")
	f(others(3, ref(1).String()), "must be MODEL:VERSION@DIGEST")
	f(others(3, "../n:"+ref(1).String()), "the model name")
	f(others(3, "n:"+ref(1).Version), `"1" must be VERSION@DIGEST`)
	f(others(3, "n:1@12"), "others: the digest")
	f(others(3, "m:"+ref(1).String()), "others names version m:1, which is of the model itself")
	f(others(3, "n:1@"+digest(1), "n:1@"+digest(2)), "others names version n:1 twice")
	f(sealed(body("  \"m\":\n    hold: true\n")+"  of: \"n\"\n"), "the version name is empty")
	f(sealed(body("  \"m\":\n    hold: true\n")+"  of: \"n\"\n  version: \"1\"\n"), "it has schema 1 and a shadow of another model")
	f(sealed(body("  \"../m\":\n    hold: true\n")), "the model name")
	f(sealed(body("  \"m\":\n    live: \"1\"\n")), `"1" must be VERSION@DIGEST`)
	f(sealed(body("  \"m\":\n    live: \"1@12\"\n")), "live: the digest")
	f(sealed(body("  \"m\":\n    live: \"../1@"+digest(1)+"\"\n")), "live: the version name")
	f(sealed(body("  \"m\":\n    share: \"0.5\"\n")), "there is a share and no canary")
	for _, share := range []string{"0", "-1", "1.1", "NaN", "Inf", "", "x"} {
		f(sealed(body("  \"m\":\n    canary: \"1@"+digest(1)+"\"\n    share: \""+share+"\"\n")), "the canary's share")
	}
	twice := "      - \"1@" + digest(1) + "\"\n"
	f(sealed(body("  \"m\":\n    rejected:\n"+twice+twice)), "rejected names version 1 twice")
	var many strings.Builder
	for n := range maxShadows + 1 {
		fmt.Fprintf(&many, "      - %q\n", ref(n))
	}
	f(sealed(body("  \"m\":\n    shadow:\n"+many.String())), "shadow has 17 versions; the limit is 16")
}

// A state that is beyond what can be read is refused when it is written.
func TestTooManyModels(t *testing.T) {
	st := &State{Schema: Schema, Generation: 1, Models: map[string]Model{}}
	v := ref(1)
	for n := range 9000 {
		st.Models[fmt.Sprint("m", n)] = Model{Live: &v}
	}
	_, err := encode(generation{st, Entry{Time: noon, Generation: 1, Action: "x"}})
	contains(t, err, "the roles cannot be written so that they can be read: line ")
}

func anyRef(t *rapid.T, label string) Ref {
	return Ref{rapid.StringMatching(`[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}`).Draw(t, label), rapid.StringMatching(`[0-9a-f]{64}`).Draw(t, label+" digest")}
}

func anyModel(t *rapid.T) (m Model) {
	pointer := func(label string) *Ref {
		if !rapid.Bool().Draw(t, label+"?") {
			return nil
		}
		r := anyRef(t, label)
		return &r
	}
	refs := func(label string) []Ref {
		return rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) Ref { return anyRef(t, label) }), 0, 4, rapid.ID).Draw(t, label)
	}
	m.Live, m.Previous, m.Shadow, m.Rejected, m.Hold = pointer("live"), pointer("previous"), refs("shadow"), refs("rejected"), rapid.Bool().Draw(t, "hold")
	m.Others = rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) Named {
		return Named{strings.Repeat("o", 31) + rapid.StringMatching(`[A-Z]{1,2}`).Draw(t, "other model"), anyRef(t, "other")} // longer than the model's own
	}), 0, 4, Named.Name).Draw(t, "others")
	if rapid.Bool().Draw(t, "passed?") {
		m.Passed = anyRef(t, "passed").Version
	}
	if c := pointer("canary"); c != nil {
		m.Canary = &Canary{*c, 1 - rapid.Float64Range(0, 1-1e-12).Draw(t, "share")}
	}
	if p := pointer("plan"); p != nil {
		m.Plan = &Plan{Ref: *p, Phase: rapid.SampledFrom([]string{"shadow", "look"}).Draw(t, "phase"), Step: rapid.IntRange(0, maxSteps).Draw(t, "step"), Since: noon, Again: m.Hold, Why: "a: \"b\""}
	}
	return m
}

func anyEntry(t *rapid.T) Entry {
	text := rapid.String()
	e := Entry{
		Who: text.Draw(t, "who"), Action: "x" + text.Draw(t, "action"), From: text.Draw(t, "from"), Reason: text.Draw(t, "reason"),
		Share: rapid.Float64Range(0, 1).Draw(t, "entry's share"), Key: rapid.StringMatching(`[!-~]{0,128}`).Draw(t, "key"),
	}
	if rapid.Bool().Draw(t, "of a model") {
		v := anyRef(t, "entry")
		e.Model, e.Version, e.Digest = "m", v.Version, v.Digest
		e.Of = rapid.SampledFrom([]string{"", "n"}).Draw(t, "of")
	}
	return e
}

// Whatever is changed comes back as it was, from the folder and from its history.
func TestRoundTrips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir := tempDir(t)
		model := map[string]Model{}
		s, err := Open(Options{Dir: dir, sys: newFaulty(fails, -1)})
		if err != nil {
			t.Fatal(err)
		}
		keys := map[string]string{} // and the models of their changes
		var last Entry
		for range rapid.IntRange(1, 8).Draw(t, "changes") {
			name := rapid.StringMatching(`[A-Za-z0-9_-][A-Za-z0-9_.-]{0,30}`).Draw(t, "model")
			e, m := anyEntry(t), anyModel(t)
			e.Action, e.Model = "promote", name
			_, repeated, err := s.Change(e, func(st *State, _ *Entry) error { st.Models[name] = m; return nil })
			of, used := keys[e.Key]
			if used && of != name {
				if other := (*KeyError)(nil); !errors.As(err, &other) {
					t.Fatalf("the key of a change of %q: %v", of, err)
				}
				continue
			}
			if err != nil || repeated != used {
				t.Fatalf("repeated %t, %v", repeated, err)
			}
			if e.Key != "" {
				keys[e.Key] = name
			}
			if !repeated {
				model[name], last = m, e
			}
			if rapid.IntRange(0, 3).Draw(t, "reopen") == 0 {
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				if s, err = Open(Options{Dir: dir, sys: newFaulty(fails, -1)}); err != nil {
					t.Fatal(err)
				}
				last = Entry{}
			}
			want := generation{&State{Schema: generation{&State{Models: model}, last}.schema(), Generation: s.State().Generation, Holder: s.self, Models: model}, Entry{}}
			if !same(generation{s.State(), Entry{}}, want) {
				t.Fatalf("got %+v, want %+v", s.State(), want.state)
			}
		}
		lines, err := s.History("", 0)
		if err != nil || uint64(len(lines)) != s.State().Generation {
			t.Fatalf("%d lines of %d generations, %v", len(lines), s.State().Generation, err)
		}
	})
}

// A state that has a shadow of another model, and the end of one, are refused by a program that knows only plans; the next
// change is not.
func TestSchemaOfOthers(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir()})
	f := func(of string, others []Named, want int) {
		t.Helper()
		e := Entry{Who: "anna", Action: "shadow", Model: "m", Of: of, Version: "2", Digest: digest(2)}
		st, _, err := s.Change(e, func(st *State, _ *Entry) error { st.Models["m"] = Model{Others: others}; return nil })
		if err != nil || st.Schema != want {
			t.Errorf("%q, %v: schema %d, %v; want %d", of, others, st.Schema, err, want)
		}
	}
	f("", nil, 1)
	f("n", []Named{{"n", ref(2)}}, 3)
	f("", []Named{{"n", ref(2)}}, 3)
	f("n", nil, 3)
	f("", nil, 1)
	lines, err := s.History("m", 2)
	if err != nil || lines[0].Name() != "2" || lines[1].Name() != "n:2" {
		t.Errorf("the history is %+v, %v", lines, err)
	}
}

func FuzzGeneration(f *testing.F) {
	f.Add([]byte("schema: 3\ngeneration: 1\nmodels:\n  \"m\":\n    others:\n      - \"n:1@"+digest(1)+"\"\nentry:\n  time: \"2026-01-02T12:00:00Z\"\n  action: \"x\"\n"), true)
	f.Add([]byte("schema: 1\ngeneration: 1\nmodels:\n  \"m\":\n    live: \"1@"+digest(1)+"\"\nentry:\n  time: \"2026-01-02T12:00:00Z\"\n  action: \"x\"\n"), true)
	f.Add([]byte("schema: &a 1\nmodels: {m: {<<: *a}}\n"), true)
	f.Add([]byte("# sha256: 00\n"), false)
	f.Fuzz(func(t *testing.T, text []byte, seal bool) {
		if seal {
			text = sealed(string(text))
		}
		g, err := decode(text)
		if err != nil {
			return
		}
		again, err := encode(g)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v\n%s", err, text)
		}
		if back, err := decode(again); err != nil || !same(back, g) {
			t.Fatalf("got %+v, %v, want %+v", back, err, g)
		}
	})
}
