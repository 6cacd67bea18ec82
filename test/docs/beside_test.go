//go:build !race

package docs

import (
	"os/exec"
)

// prepare makes what the example by id is served from, as make run does.
func (w *walk) prepare() {
	w.t.Helper()
	command := exec.Command("bash", "scripts/example_by_id.sh")
	command.Dir = w.dir
	if out, err := command.CombinedOutput(); err != nil {
		w.t.Fatalf("cannot prepare the example by id: %v\n%s", err, out)
	}
}

// beside runs a tool until the page has been walked.
func (w *walk) beside(b *Block) {
	w.t.Helper()
	if _, err := exec.LookPath(b.Beside()); err != nil {
		return // the blocks that need it say so
	}
	command := exec.Command("bash", "-euc", "exec "+w.address.Replace(b.Text))
	command.Dir, command.Env = w.dir, newcomer()
	if err := command.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
}
