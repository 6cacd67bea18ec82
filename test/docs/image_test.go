//go:build !race

package docs

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// image is what a container made of the Dockerfile starts with.
type image struct {
	env                    map[string]string
	entry, command, health []string
	user                   uint32
	binary, library        string
}

var instruction = regexp.MustCompile(`(?m)^(FROM|ENV|USER|ENTRYPOINT|CMD|HEALTHCHECK|COPY) (.*)$`)

// lastStage reads the stage that becomes the image.
func lastStage(text string) (*image, error) {
	m := &image{env: map[string]string{}}
	var err error
	list := func(text string) (words []string) {
		if err == nil {
			err = json.Unmarshal([]byte(text), &words)
		}
		return words
	}
	for _, found := range instruction.FindAllStringSubmatch(strings.ReplaceAll(text, "\\\n", " "), -1) {
		switch rest := strings.TrimSpace(found[2]); found[1] {
		case "FROM":
			*m = image{env: map[string]string{}}
		case "ENV":
			for _, pair := range strings.Fields(rest) {
				name, value, _ := strings.Cut(pair, "=")
				m.env[name] = value
			}
		case "USER":
			if _, scan := fmt.Sscanf(rest, "%d:", &m.user); scan != nil && err == nil {
				err = fmt.Errorf("USER %s is no number, so nobody can see that it is not root: %w", rest, scan)
			}
		case "COPY":
			words := strings.Fields(rest)
			switch target := words[len(words)-1]; {
			case strings.HasSuffix(target, "/sluice"):
				m.binary = target
			case strings.HasSuffix(target, "/"):
				m.library = target
			}
		case "ENTRYPOINT":
			m.entry = list(rest)
		case "CMD":
			m.command = list(rest)
		case "HEALTHCHECK":
			_, check, _ := strings.Cut(rest, "CMD ")
			m.health = list(strings.TrimSpace(check))
		}
	}
	return m, err
}

func TestLastStage(t *testing.T) {
	m, err := lastStage("FROM a AS b\nENV X=1\nFROM c\nCOPY --from=b /out/sluice /bin/sluice\nENV A=1 \\\n    B=/x\nUSER 7:7\nHEALTHCHECK --interval=5s \\\n    CMD [\"a\", \"b\"]\nENTRYPOINT [\"a\"]\nCMD [\"c\"]\n")
	if err != nil || m.env["X"] != "" || m.env["A"] != "1" || m.env["B"] != "/x" || m.user != 7 || m.binary != "/bin/sluice" ||
		strings.Join(m.health, " ") != "a b" || strings.Join(m.entry, " ") != "a" || strings.Join(m.command, " ") != "c" {
		t.Errorf("%+v, %v", m, err)
	}
	for _, text := range []string{"FROM a\nUSER root\n", "FROM a\nCMD sluice\n"} {
		if _, err := lastStage(text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

// The image's last stage, without Docker: the files where it puts them, below a folder of this
// test's own, its variables, its user, its command and its health check.
func TestExamplesImage(t *testing.T) {
	sluice := binary(t)
	text, err := os.ReadFile(root + "/Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	m, err := lastStage(string(text))
	if err != nil {
		t.Fatal(err)
	}
	from, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { // for the other user
		t.Fatal(err)
	}
	library := os.Getenv("SLUICE_ONNXRUNTIME")
	if library == "" {
		library = filepath.Join(from, ".deps", "onnxruntime", "libonnxruntime.so")
	}
	if got, err := run(dir, nil, "bash", "-euc", `mkdir -p "$1$(dirname "$3")" "$1$4"; cp "$2" "$1$3"; cp "$5" "$1$4"; cp -r "$6/examples/models" "$1$7"; chmod -R go=rX "$1"`,
		"image", dir, sluice, m.binary, m.library, library, from, m.env["SLUICE_MODELS"]); err != nil {
		t.Fatalf("%v\n%s", err, got)
	}
	env := []string{"PATH=" + dir + filepath.Dir(m.binary)}
	_, port, _ := strings.Cut(freeAddress(t), ":")
	for name, value := range m.env {
		switch {
		case strings.HasPrefix(value, "/"):
			value = dir + value
		case name == "SLUICE_LISTEN" && strings.HasPrefix(value, "0.0.0.0:"):
			value = "0.0.0.0:" + port
		case name == "SLUICE_ADMIN":
			value = freeAddress(t)
		}
		env = append(env, name+"="+value)
	}
	start := func(words ...string) *exec.Cmd {
		c := exec.Command(dir+m.binary, words[1:]...)
		if words[0] != "sluice" {
			t.Fatalf("the image runs %q, not its binary", words)
		}
		c.Dir, c.Env = dir, env
		if os.Getuid() == 0 {
			c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: m.user, Gid: m.user}}
		}
		return c
	}
	if out, err := start(m.health...).CombinedOutput(); exit(err) != 1 {
		t.Errorf("the health check of no server: %v\n%s", err, out)
	}
	server := start(append(m.entry, m.command...)...)
	var log strings.Builder
	server.Stderr = &log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Wait() }()
	var out []byte
	for begin := time.Now(); time.Since(begin) < time.Minute; {
		if out, err = start(m.health...).CombinedOutput(); err == nil {
			break
		}
		select {
		case err := <-ended:
			t.Fatalf("the server ended with %v\n%s", err, log.String())
		case <-time.After(50 * time.Millisecond):
		}
	}
	if err != nil {
		t.Errorf("the health check of a server that has had a minute: %v\n%s", err, out)
	}
	_ = server.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("the server ended with %v\n%s", err, log.String())
		}
	case <-time.After(30 * time.Second):
		_ = server.Process.Kill()
		t.Error("the server did not stop within 30 s of SIGTERM")
	}
}
