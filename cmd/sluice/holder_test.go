package main

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"sluice/internal/longtest"
	"sluice/internal/onnxgen"
)

// Two gateways share a models folder and a state folder. Whichever is asked, the one that holds the lease makes the change
// and the other follows. A holder that hangs or dies is replaced, and one that wakes up follows.
func TestGatewaysShareRoles(t *testing.T) {
	longtest.Skip(t)
	t.Parallel()
	dir, state := t.TempDir(), t.TempDir()
	put := func(version string, seed uint64) {
		t.Helper()
		if err := (onnxgen.MLP{Layers: []int{2, 4, 1}, Seed: seed}).Write(filepath.Join(dir, "m"), version); err != nil {
			t.Fatal(err)
		}
	}
	put("1", 1)
	start := func() *running {
		return startGateway(t, "--models", dir, "--state", state, "--model-defaults-promote", "manual")
	}
	a := start()
	b := start()
	put("2", 2)
	roles := func(g *running) string {
		out, _ := command(t, "models", "list", "--admin", g.Admin)
		return strings.Join(strings.Fields(out), " ")
	}
	all := func(what, line string, of ...*running) {
		t.Helper()
		for _, g := range of {
			eventually(t, what, func() bool { return strings.Contains(roles(g), line) })
		}
	}
	change := func(g *running, args ...string) {
		t.Helper()
		if out, status := command(t, append(append([]string{"models"}, args...), "--admin", g.Admin)...); status != 0 {
			t.Errorf("%q: status %d, %s", args, status, out)
		}
	}
	holds := func(g *running) bool {
		_, metrics := g.get(g.admin + "/metrics")
		return strings.Contains(metrics, "sluice_roles_holder 1\n")
	}
	all("version 2 is a candidate", "m 2 READY candidate", a, b)
	if !holds(a) || holds(b) {
		t.Fatalf("who came first should hold the lease: %v, %v", holds(a), holds(b))
	}

	// The follower names the holder, and the command goes there.
	r, err := http.Post(b.admin+"/v2/repository/models/m/promote", "application/json", strings.NewReader(`{"version":"2"}`))
	status, body := read(r, err)
	if status != http.StatusConflict || r.Header.Get("Sluice-Holder") != a.Admin {
		t.Errorf("a follower answered a change with %d, %v: %s", status, r.Header, body)
	}
	change(b, "promote", "m", "2")
	all("the follower's promotion", "m 2 READY live", a, b)
	change(a, "canary", "m", "1", "25%")
	all("a canary", "m 1 READY canary 25%", a, b)

	// The holder hangs, between two writes or in one, and the other takes over.
	if err := a.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the other takes the lease", func() bool { return holds(b) })
	change(b, "rollback", "m")
	all("the new holder's change", "m 1 UNLOADED rejected", b)
	if err := a.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	all("who woke up follows", "m 1 UNLOADED rejected", a)
	eventually(t, "who woke up holds nothing", func() bool { return !holds(a) })
	change(a, "promote", "m", "1")
	all("a change that was asked of who woke up", "m 1 READY live", a, b)
	generation := func(g *running) string {
		_, metrics := g.get(g.admin + "/metrics")
		_, after, _ := strings.Cut(metrics, "\nsluice_roles_generation ")
		line, _, _ := strings.Cut(after, "\n")
		return line
	}
	eventually(t, "both have one generation", func() bool { return generation(a) == generation(b) })

	// The holder dies without a word.
	if err := b.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = b.end(time.Minute)
	eventually(t, "the first takes the lease again", func() bool { return holds(a) })
	change(a, "hold", "m")
	out, _ := command(t, "models", "history", "m", "--admin", a.Admin)
	want := []string{"hold m 1", "promote m 1 2", "rollback m 2 1", "canary 25% m 1 2", "promote m 2 1"}
	text, at := strings.Join(strings.Fields(out), " "), -1
	for _, w := range want {
		i := strings.Index(text, w)
		if i <= at {
			t.Fatalf("the history should have %s, from new to old; it has\n%s", fmt.Sprintf("%q", want), out)
		}
		at = i
	}
}
