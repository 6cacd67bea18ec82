//go:build !race

package docs

import (
	"os/exec"
	"strings"
	"testing"
)

// quick are the last words of commands that end by themselves and ask no server: where a sentence shows
// one whole, it is run.
var quick = map[string]bool{"version": true, "config": true, "devices": true, "statuses": true, "loadtest": true}

// The binary has each command and flag that a page shows, also where the page's block is not run.
func TestExamplesFlags(t *testing.T) {
	sluice := binary(t)
	help := map[string]string{}
	checked, ran := 0, map[string]bool{}
	for _, path := range walked(t) {
		for _, c := range page(t, path).Commands() {
			if c.Words[0] == "sluice" && quick[c.Plain()[len(c.Plain())-1]] && len(c.Plain())+len(c.Flags()) == len(c.Words) && !ran[strings.Join(c.Words, " ")] {
				ran[strings.Join(c.Words, " ")] = true
				if out, err := exec.Command(sluice, c.Words[1:]...).CombinedOutput(); err != nil || len(out) == 0 {
					t.Errorf("%s:%d shows %q: %v\n%s", path, c.Line, c.Words, err, out)
				}
			}
			if c.Words[0] != "sluice" || len(c.Plain()) == 1 && len(c.Flags()) == 0 {
				continue
			}
			args := c.Plain()[1:]
			if len(args) > 0 && (args[0] == "loadtest" || args[0] == "models" || args[0] == "log" || args[0] == "features") {
				args = args[:min(2, len(args))]
			} else {
				args = args[:min(1, len(args))]
			}
			if len(args) > 0 && args[0] == "help" {
				args = c.Plain()[2:]
			}
			name := strings.Join(args, " ")
			if help[name] == "" {
				out, err := exec.Command(sluice, append(args, "--help")...).CombinedOutput()
				if err != nil {
					t.Errorf("%s:%d shows %q: %v\n%s", path, c.Line, c.Words, err, out)
				}
				help[name] = string(out) + "\n --help "
			}
			for _, flag := range c.Flags() {
				checked++
				if !strings.Contains(strings.ReplaceAll(help[name], "\n", " "), " "+flag+" ") {
					t.Errorf("%s:%d gives sluice %s the flag %s, which it does not have", path, c.Line, name, flag)
				}
			}
		}
	}
	if len(ran) < 5 {
		t.Errorf("only %d whole commands were run", len(ran))
	}
	if len(help) < 10 || checked < 30 {
		t.Errorf("only %d commands with %d flags were found", len(help), checked)
	}
}
