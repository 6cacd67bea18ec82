package cgroup

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// A process that takes more than the cap is ended, and the cap tells.
func TestCap(t *testing.T) {
	c, err := NewCap(32 << 20)
	if err != nil {
		t.Skipf("this process may make no control group: %v", err)
	}
	hog := exec.Command("/bin/sh", "-c", "read go; head -c 200000000 /dev/zero | tail -c 200000000 > /dev/null")
	in, err := hog.StdinPipe()
	if err == nil {
		err = hog.Start()
	}
	if err == nil {
		err = c.Add(hog.Process.Pid)
	}
	if err != nil {
		t.Fatal(err)
	}
	_, _ = in.Write([]byte("\n"))
	_ = hog.Wait()
	// Others are made meanwhile: this one is empty now, and stays.
	gone := exec.Command("/bin/true")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	old := filepath.Join(filepath.Dir(c.dir), fmt.Sprintf("%s%d-1", capName, gone.Process.Pid))
	if err := os.Mkdir(old, 0o700); err != nil {
		t.Fatal(err)
	}
	other, err := NewCap(32 << 20)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Remove() //nolint:errcheck // it is empty
	if _, err := os.Stat(old); err == nil {
		t.Error("the cap of a process that is gone is left behind")
	}
	if c.Kills() == 0 {
		t.Error("200 MB went into a cap of 32 MiB")
	}
	if err := c.Remove(); err != nil {
		t.Error(err)
	}
	if left, _ := filepath.Glob(c.dir); len(left) > 0 {
		t.Errorf("%s is still there", c.dir)
	}
	if err := c.Remove(); err != nil {
		t.Errorf("once more: %v", err)
	}
	if err := c.Add(os.Getpid()); err == nil {
		t.Error("a process was put into a cap that is gone")
	}
}
