package predlog

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// writeUntilKilled is the child's life: it takes records, and says when it took each.
func writeUntilKilled(dir string) {
	w, err := Start(Options{Dir: dir, Sample: 1, SpoolBytes: 64 << 10})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	for i := 0; ; i++ {
		w.Take(testRecord(i))
		fmt.Println(i, time.Now().UnixNano())
		time.Sleep(200 * time.Microsecond)
	}
}

// A process that is killed in the middle of writing loses at most its last second, and the next one finds the rest.
func TestKilledProcessLosesAtMostASecond(t *testing.T) {
	for range 3 {
		dir := t.TempDir()
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), killedDir+"="+dir)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		kill := time.AfterFunc(2500*time.Millisecond, func() { _ = child.Process.Kill() })
		taken := map[string]int64{} // when, by id
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var i int
			var at int64
			if n, err := fmt.Sscan(lines.Text(), &i, &at); n != 2 {
				t.Fatalf("the child says %q, %v", lines.Text(), err)
			}
			taken[string(testRecord(i).ID)] = at
		}
		killed := time.Now().UnixNano()
		kill.Stop()
		_ = child.Wait() // it was killed

		w, _ := start(t, Options{Dir: dir, Sample: 1})
		finish(t, w)
		rows, _ := tables(t, dir)
		there := map[string]bool{}
		for _, r := range rows {
			if there[r.ID] {
				t.Errorf("%s is there twice", r.ID)
			}
			there[r.ID] = true
		}
		old, lost := 0, 0
		for id, at := range taken {
			if killed-at < int64(time.Second) {
				continue
			}
			if old++; !there[id] {
				lost++
			}
		}
		if old < 500 || lost > 0 {
			t.Errorf("of %d records that were older than a second %d are lost", old, lost)
		}
		if files, _ := filepath.Glob(filepath.Join(dir, "*"+tableSuffix)); len(files) < 2 {
			t.Errorf("the files are %q; some were full before", files)
		}
	}
}
