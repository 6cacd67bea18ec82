package memory

import (
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestGoLimitIsWhatOthersLeave(t *testing.T) {
	const mebi = 1 << 20
	for _, c := range []struct {
		name    string
		ceiling int64
		u       Usage
		want    int64
	}{
		{"an idle server", 1000 * mebi, Usage{Others: 100 * mebi, Live: 20 * mebi}, 775 * mebi},
		{"large models", 1000 * mebi, Usage{Others: 825 * mebi, Live: 20 * mebi}, 50 * mebi},
		{"models that leave too little", 1000 * mebi, Usage{Others: 870 * mebi, Live: 20 * mebi}, 26 * mebi},
		{"models that take more than there is", 1000 * mebi, Usage{Others: 2000 * mebi, Live: 100 * mebi}, 130 * mebi},
	} {
		if got := goLimit(c.ceiling, c.u); got != c.want {
			t.Errorf("%s: got %d MiB, want %d", c.name, got/mebi, c.want/mebi)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		ceiling := rapid.Int64Range(1, 1<<40).Draw(t, "ceiling")
		u := Usage{rapid.Int64Range(0, 1<<41).Draw(t, "others"), rapid.Int64Range(0, 1<<40).Draw(t, "live")}
		got := goLimit(ceiling, u)
		if got < u.Live/10*13 || got > max(ceiling, u.Live/10*13) {
			t.Fatalf("the limit is %d", got)
		}
		if got+u.Others > ceiling && got != u.Live/10*13 {
			t.Fatalf("with the others it is more than the ceiling: %d", got+u.Others)
		}
	})
}

var sink []byte

func TestGovernorSetsGoLimit(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(before)
	const ceiling = 4 << 30
	var told, live int64
	g := NewGovernor(ceiling, false, func(limit, l int64) { told, live = limit, l })
	g.Adjust()
	limit := debug.SetMemoryLimit(-1)
	if limit != g.GoLimit() || limit != told || limit > ceiling-ceiling/10 || limit < ceiling/2 || live <= 0 {
		t.Errorf("the limit is %d, told %d, live %d", limit, told, live)
	}
	sink = make([]byte, 256<<20)
	for i := range sink {
		sink[i] = 1
	}
	runtime.KeepAlive(sink)
	sink = nil
	was := resident(t)
	g.Release()
	if now := resident(t); was-now < 200<<20 {
		t.Errorf("garbage is kept: %d bytes are resident, %d before", now, was)
	}
}

func resident(t *testing.T) int64 {
	t.Helper()
	n, err := unreclaimable(os.Getpid(), "RssAnon:")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestOperatorsLimitStays(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(before)
	debug.SetMemoryLimit(3 << 30)
	told := int64(0)
	g := NewGovernor(1<<30, true, func(limit, _ int64) { told = limit })
	g.Adjust()
	if got := debug.SetMemoryLimit(-1); got != 3<<30 || told != got || g.GoLimit() != got {
		t.Errorf("the limit is %d, told %d", got, told)
	}
}

// What a child takes is the others', and the child is in the tree until it has gone.
func TestTreeHasChildren(t *testing.T) {
	cmd := exec.Command("/bin/sh", "-c", "read line") // waits for its standard input
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Skip(err)
	}
	if tree := Tree(os.Getpid()); tree[0] != os.Getpid() || !slices.Contains(tree, cmd.Process.Pid) {
		t.Errorf("the tree is %v, without %d", tree, cmd.Process.Pid)
	}
	alone, err := pss(os.Getpid())
	if err != nil {
		t.Skip(err)
	}
	if whole, err := PSS(os.Getpid()); err != nil || whole < alone/2 {
		t.Errorf("the tree takes %d, %v; this process alone %d", whole, err, alone)
	}
	_ = in.Close()
	_ = cmd.Wait()
	if tree := Tree(os.Getpid()); slices.Contains(tree, cmd.Process.Pid) {
		t.Errorf("the tree is %v, with %d that has gone", tree, cmd.Process.Pid)
	}
}
