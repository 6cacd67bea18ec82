package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"sluice/internal/doctext"
	"sluice/internal/onnxgen"
)

// mistake is something that operators get wrong, and what the command says of it. In args and in
// says HERE stands for the folder of the mistake, 127.0.0.1:TAKEN for an address that somebody else listens
// at, 127.0.0.1:FREE for one where nobody does and UID for the user. In says, three dots stand for anything.
type mistake struct {
	name string
	put  func(m machine) // prepares the folder; nil leaves it as it is
	env  string
	args string // '' is an empty one
	// status is the exit status, and says the one line on standard error behind "sluice: ".
	status int
	says   string
	// prints is what standard output begins with; a command that fails prints nothing.
	prints string
	// user runs it without root's rights.
	user bool
	// cpu wants a library without CUDA.
	cpu bool
}

// machine is where a mistake is made: a folder with a good model in HERE/good, and its test.
type machine struct {
	t   *testing.T
	dir string
}

func (m machine) write(path, text string) {
	m.t.Helper()
	full := filepath.Join(m.dir, path)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
		m.t.Fatal(err)
	}
}

func (m machine) folder(path string, mode os.FileMode) {
	m.t.Helper()
	if err := os.MkdirAll(filepath.Join(m.dir, path), 0o755); err != nil {
		m.t.Fatal(err)
	}
	m.mode(path, mode)
}

func (m machine) mode(path string, mode os.FileMode) {
	m.t.Helper()
	full := filepath.Join(m.dir, path)
	if err := os.Chmod(full, mode); err != nil {
		m.t.Fatal(err)
	}
	if about, err := os.Stat(full); err == nil && about.IsDir() {
		m.t.Cleanup(func() { _ = os.Chmod(full, 0o755) }) // else it could not be taken away
	}
}

func (m machine) link(path, to string) {
	m.t.Helper()
	if err := os.Symlink(to, filepath.Join(m.dir, path)); err != nil {
		m.t.Fatal(err)
	}
}

func (m machine) pipe(path string) {
	m.t.Helper()
	if err := syscall.Mkfifo(filepath.Join(m.dir, path), 0o644); err != nil {
		m.t.Fatal(err)
	}
}

// doubler is a small good model: y is x+x.
func doubler() *onnxgen.Graph {
	return onnxgen.New(17).Input("x", onnxgen.Float32, "rows", 2).Node("Add", "y", []string{"x", "x"}).Output("y")
}

const doubled = `{"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":[1.5,4]}]}`

// written puts a text at a path.
func written(path, text string) func(machine) {
	return func(m machine) { m.write(path, text) }
}

// settingsOf puts sluice.yaml.
func settingsOf(text string) func(machine) { return written("sluice.yaml", text) }

// typed are the arguments of a line.
func typed(line string) []string {
	all := strings.Fields(line)
	for i, word := range all {
		if word == "''" {
			all[i] = ""
		}
	}
	return all
}

// taken is an address at which somebody else listens, and free one at which nobody does.
func taken(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln.Addr().String()
}

const nobody = 65534

// TestMistakes makes each of them. A sentence on standard error names the thing and the remedy.
func TestMistakes(t *testing.T) {
	needLibrary(t)
	library, err := filepath.Abs(os.Getenv("SLUICE_ONNXRUNTIME"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Dir(sluice), 0o755); err != nil { // another user runs it
		t.Fatal(err)
	}
	for _, row := range mistakes() {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			row.make(t, library)
		})
	}
}

func mistakes() (all []mistake) {
	for _, section := range [][]mistake{pathMistakes, portMistakes, fileMistakes, settingMistakes, deviceMistakes} {
		all = append(all, section...)
	}
	return all
}

func (row *mistake) make(t *testing.T, library string) {
	if _, err := os.Stat(filepath.Join(filepath.Dir(library), "libonnxruntime_providers_cuda.so")); err == nil && row.cpu {
		t.Skip("this library has CUDA's provider")
	}
	if least, _ := os.ReadFile("/proc/sys/net/ipv4/ip_unprivileged_port_start"); strings.Contains(row.args, ":1 ") && strings.TrimSpace(string(least)) == "0" {
		t.Skip("everybody may open any port here")
	}
	m := machine{t, t.TempDir()}
	m.write("good/double.onnx", string(doubler().File()))
	if row.put != nil {
		row.put(m)
	}
	uid := os.Getuid()
	limited, cancel := context.WithTimeout(t.Context(), 30*time.Second) // of one that serves in spite of it
	defer cancel()
	cmd := exec.CommandContext(limited, sluice)
	if row.user && uid == 0 {
		uid = nobody
		for dir := m.dir; dir != os.TempDir() && len(dir) > 1; dir = filepath.Dir(dir) {
			if err := os.Chmod(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	names := strings.NewReplacer("HERE", m.dir, "127.0.0.1:TAKEN", taken(t), "127.0.0.1:FREE", freeAddress(t), "UID", fmt.Sprint(uid), "LIBRARY", library)
	for _, word := range typed(row.args) {
		cmd.Args = append(cmd.Args, names.Replace(word))
	}
	if typed(row.args)[0] == "serve" && !strings.Contains(row.args, "--listen") {
		cmd.Args = append(cmd.Args, "--listen", "127.0.0.1:0")
	}
	if typed(row.args)[0] == "serve" && !strings.Contains(row.args, "--admin") {
		cmd.Args = append(cmd.Args, "--admin", "")
	}
	cmd.Dir = m.dir
	cmd.Env = append(os.Environ(), "SLUICE_ONNXRUNTIME="+library)
	cmd.Env = append(cmd.Env, typed(names.Replace(row.env))...)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); cmd.ProcessState == nil {
		t.Fatal(err)
	}
	if got := cmd.ProcessState.ExitCode(); got != row.status {
		t.Errorf("exit status %d, want %d", got, row.status)
	}
	if got := stdout.String(); row.prints == "" && got != "" || !matches(got, names.Replace(row.prints)+"...") {
		t.Errorf("standard output is %q, want %q", got, row.prints)
	}
	var said []string // besides the log
	for line := range strings.Lines(stderr.String()) {
		if !strings.HasPrefix(line, "{") {
			said = append(said, strings.TrimSuffix(line, "\n"))
		}
	}
	if want := "sluice: " + names.Replace(row.says); len(said) != 1 || !matches(said[0], want) {
		t.Errorf("it says\n %s\nwant\n %s", strings.Join(said, "\n "), want)
	}
	plain(t, stderr.String()+stdout.String())
}

// matches compares a text with a pattern in which three dots stand for anything.
func matches(text, pattern string) bool {
	parts := strings.Split(pattern, "...")
	for i, part := range parts {
		parts[i] = regexp.QuoteMeta(part)
	}
	return regexp.MustCompile(`(?s)\A` + strings.Join(parts, ".*") + `\z`).MatchString(text)
}

// jargon is what nobody but this program's authors can read, and sentences that end before they
// have said anything.
var jargon = regexp.MustCompile(`(?i)panic|goroutine |%!|<nil>|\(0x|0x[0-9a-f]{6}|\*[a-z]+\.[A-Z]|strconv\.|map\[|reflect\.|go struct|unmarshal|statat|openat|errno|: ?$`)

// plain fails a test whose command spoke to its authors.
func plain(t *testing.T, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "{") {
			continue // the log's own form; its texts are held elsewhere
		}
		if found := jargon.FindString(strings.TrimSuffix(line, "\n")); found != "" {
			t.Errorf("%q is not for people: %s", found, line)
		}
	}
}

//go:generate go test -count=1 -run ^TestMistakesPage$ . -update

// TestMistakesPage holds the table of docs/operations.md against the tables here.
func TestMistakesPage(t *testing.T) {
	var table strings.Builder
	table.WriteString("| Mistake | What is said |\n|---|---|\n")
	add := func(name, says string) {
		says = strings.NewReplacer("HERE/", "", "LIBRARY", "libonnxruntime.so", "UID", fmt.Sprint(nobody), "_", `\_`).Replace(says) // a name with a letter wrong is no name
		fmt.Fprintf(&table, "| %s | %s |\n", doctext.Cell(name), doctext.Cell(says))
	}
	seen := map[string]bool{}
	for _, row := range mistakes() {
		if seen[row.name] {
			t.Errorf("%s is there twice", row.name)
		}
		seen[row.name] = true
		add(row.name, row.says)
	}
	for _, row := range modelMistakes {
		add(row.name, row.says)
	}
	if len(seen)+len(modelMistakes) < 90 {
		t.Errorf("there are %d mistakes", len(seen)+len(modelMistakes))
	}
	if err := doctext.Hold("../../docs/operations.md", map[string]string{"mistakes": table.String()}, *update); err != nil {
		t.Error(err)
	}
}
