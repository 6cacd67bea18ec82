package main

import (
	"cmp"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sluice/config"
)

// TestEveryFlagSaysWhatItDoes walks all commands.
func TestEveryFlagSaysWhatItDoes(t *testing.T) {
	texts := map[string]string{}
	for _, o := range config.Options() {
		texts[o.Flag] = o.Help
	}
	flags := 0
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		cmd.InitDefaultHelpFlag()
		if cmd.Short == "" || cmd.Parent() != nil && !cmd.Hidden && cmd.RunE == nil && cmd.Run == nil && !cmd.HasSubCommands() && !cmd.IsAdditionalHelpTopicCommand() {
			t.Errorf("%s says nothing of itself", cmd.CommandPath())
		}
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			flags++
			if len(strings.Fields(f.Usage)) < 3 && f.Name != "help" {
				t.Errorf("%s --%s says %q", cmd.CommandPath(), f.Name, f.Usage)
			}
			if _, isSetting := f.Value.(*settingValue); isSetting && f.Name != "config" && f.Usage != texts[f.Name] {
				t.Errorf("%s --%s says %q and the settings %q", cmd.CommandPath(), f.Name, f.Usage, texts[f.Name])
			}
		})
		for _, c := range cmd.Commands() {
			walk(c)
		}
	}
	walk(root())
	if flags < 200 {
		t.Errorf("only %d flags were looked at", flags)
	}
}

// run runs the binary with variables of the environment, and returns what it wrote.
func runWith(t *testing.T, env []string, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	var out, complaints strings.Builder
	cmd := exec.Command(sluice, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), complaints.String(), cmd.ProcessState.ExitCode()
}

// TestHelpFitsATerminal: no command's help is wider than a terminal, and none is cut.
func TestHelpFitsATerminal(t *testing.T) {
	t.Parallel()
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		args := append(strings.Fields(cmd.CommandPath())[1:], "--help")
		out, _, status := runWith(t, nil, args...)
		if status != 0 || len(out) < 100 {
			t.Errorf("%v: status %d, %q", args, status, out)
		}
		for line := range strings.Lines(out) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 && len(strings.Fields(line)) > 1 {
				t.Errorf("%v: a line of %d columns: %s", args, n, line)
			}
		}
		for _, c := range cmd.Commands() {
			if c.IsAvailableCommand() && c.Name() != "completion" && c.Name() != "help" {
				walk(c)
			}
		}
	}
	walk(root())
	out, _, _ := runWith(t, nil, "serve", "--help")
	for _, want := range []string{
		"\n      --limits-max-body-bytes SIZE   (default 64MiB)\n          The largest request body as it is received.\n",
		"\nSettings, limits: What one client may ask of the predict port, and what all of\nthem may hold together.\n",
		"\n      --record-payloads   \n", "\n  -h, --help\n",
	} {
		if !strings.Contains(out, strings.ReplaceAll(want, "   \n", "\n")) {
			t.Errorf("the help lacks %q:\n%s", want, out)
		}
	}
}

func TestReflow(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if got := reflow(text, 20); got != want {
			t.Errorf("reflow(%q) = %q, want %q", text, got, want)
		}
	}
	f("a short one", "a short one")
	f("words that are too wide for one line", "words that are too\nwide for one line")
	f("broken\nby hand", "broken by hand")
	f("one\n\n  an example that is wide and stays\n\ntwo\n", "one\n\n  an example that is wide and stays\n\ntwo")
}

// TestMistypedNames: what is nearly a name is refused and the name is told.
func TestMistypedNames(t *testing.T) {
	file := filepath.Join(t.TempDir(), "sluice.yaml")
	if err := os.WriteFile(file, []byte("limits:\n  max_hedaers: 5\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := func(env, args, want string, status int) {
		t.Helper()
		_, got, code := runWith(t, strings.Fields(env), strings.Fields(args)...)
		if code != status || !strings.HasPrefix(got, want) {
			t.Errorf("%s sluice %s: status %d, want %d\n got %swant %s", env, args, code, status, got, want)
		}
	}
	f("", "chek", `sluice: there is no command "chek" (did you mean check?): there are check, `, 2)
	f("", "serve --limits-max-hedaers 5", "sluice: sluice serve has no flag --limits-max-hedaers (did you mean --limits-max-headers?); sluice serve --help lists them\n", 2)
	f("", "plan --fleets x", "sluice: sluice plan has no flag --fleets (did you mean --fleet?); sluice plan --help lists them\n", 2)
	f("", "config --config "+file, "sluice: "+file+":2: there is no setting limits.max_hedaers (did you mean max_headers?): limits may have max_headers, memory, max_body_bytes, ", 1)
	f("SLUICE_CONFIG="+file, "config", "sluice: "+file+":2: there is no setting limits.max_hedaers", 1)
	f("SLUICE_CONFIG=/nowhere.yaml", "config", "sluice: cannot read the settings file /nowhere.yaml, which SLUICE_CONFIG names: no such file or directory: create it, or correct the path\n", 1)
	for _, command := range []string{"serve", "check", "config", "devices", "sample"} {
		f("SLUICE_LIMITS_MAX_HEDAERS=5", command, "sluice: SLUICE_LIMITS_MAX_HEDAERS: there is no such setting: did you mean SLUICE_LIMITS_MAX_HEADERS? rename the variable, or unset it\n", 1)
	}
	f("SLUICE_MAX_HEADERS=5", "config", "sluice: warning: SLUICE_MAX_HEADERS is no setting and changes nothing: did you mean SLUICE_LIMITS_MAX_HEADERS?\n", 0)
	f("SLUICE_IMAGE=5", "config", "sluice: warning: SLUICE_IMAGE is no setting and changes nothing\n", 0)
	f("SLUICE_PORT_8080_TCP=tcp://10.0.0.1:8080 SLUICE_SERVICE_HOST=10.0.0.1", "config", "", 0)
	f("", "config --log-level infos", "sluice: --log-level: log.level: \"infos\" must be one of debug, info, warn, error (did you mean info?)\n", 1)
	f("", "version surplus", "sluice: sluice version takes flags only, not \"surplus\"\n", 2)
}

func TestConfigSaysWhereEachSettingComesFrom(t *testing.T) {
	file := filepath.Join(t.TempDir(), "sluice.yaml")
	if err := os.WriteFile(file, []byte("listen: 127.0.0.1:1\nlimits:\n  max_headers: 50\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := []string{"SLUICE_CONFIG=" + file, "SLUICE_SCHEDULER_BUDGET=50ms"}
	out, complaints, status := runWith(t, env, "config", "--changed", "--limits-max-headers", "60")
	lines := map[string]string{}
	for line := range strings.Lines(out) {
		setting, source, _ := strings.Cut(strings.TrimSpace(line), " # ")
		lines[strings.TrimSpace(setting)] = source
	}
	for setting, source := range map[string]string{
		"listen: 127.0.0.1:1": file + ":1", "max_headers: 60": "--limits-max-headers", "budget: 50ms": "SLUICE_SCHEDULER_BUDGET",
	} {
		if lines[setting] != source {
			t.Errorf("%s comes from %q, want %q", setting, lines[setting], source)
		}
	}
	if status != 0 || complaints != "" {
		t.Errorf("status %d, standard error %q", status, complaints)
	}
	out, _, _ = runWith(t, env, "config", "--json")
	var all []config.Setting
	if err := json.Unmarshal([]byte(out), &all); err != nil || len(all) != len(config.Options()) {
		t.Fatalf("%v: %d settings", err, len(all))
	}
	if s := all[0]; s.Path != "listen" || s.Value != "127.0.0.1:1" || s.Source != file+":1" || s.Default != "127.0.0.1:8080" || s.Env != "SLUICE_LISTEN" || s.Flag != "listen" {
		t.Errorf("got %+v", s)
	}
}

func TestVersionCommand(t *testing.T) {
	needLibrary(t)
	out, _, status := runWith(t, nil, "version", "--json")
	var b build
	if err := json.Unmarshal([]byte(out), &b); err != nil || status != 0 {
		t.Fatalf("%v, status %d: %s", err, status, out)
	}
	linked := cmp.Or(os.Getenv("SLUICE_BUILT_VERSION"), "dev") // as the Makefile links it
	if b.Version != linked || !strings.HasPrefix(b.Go, "go1.") || b.ONNXRuntime == "" || b.Library != os.Getenv("SLUICE_ONNXRUNTIME") || b.Missing != "" {
		t.Errorf("got %+v", b)
	}
	out, _, status = runWith(t, []string{"SLUICE_ONNXRUNTIME=/nowhere/libonnxruntime.so"}, "version")
	if want := "onnxruntime    none: cannot load ONNX Runtime from /nowhere/libonnxruntime.so: no such file or directory; name a libonnxruntime.so of versions 1."; status != 0 || !strings.Contains(out, want) {
		t.Errorf("status %d, output %s", status, out)
	}
	out, _, status = runWith(t, []string{"SLUICE_LIMITS_MAX_INPUTS=many"}, "version", "--onnxruntime-library", "/elsewhere.so")
	if status != 0 || !strings.Contains(out, "none: cannot load ONNX Runtime from /elsewhere.so: no such file or directory; ") {
		t.Errorf("with settings that are wrong: status %d, output %s", status, out)
	}
}

// TestChildrenByThemselves: what the gateway starts is of no use to people, and says so.
func TestChildrenByThemselves(t *testing.T) {
	for _, name := range []string{"worker", "trial-load"} {
		if out, status := command(t, name); status != 1 || out != "sluice: sluice "+name+" is started by the gateway and is of no use by itself\n" {
			t.Errorf("%s: status %d, output %q", name, status, out)
		}
	}
}
