package docs

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"sluice/config"
	"sluice/internal/fault"
)

// references are the pages that this package holds to the code.
var references = []string{"docs/http.md", "docs/metrics.md", "docs/operations.md", "docs/clients.md"}

// pages are README.md and what lies in docs.
func pages(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob(root + "/docs/*.md")
	if err != nil || len(found) < 10 {
		t.Fatalf("the pages are %q, %v", found, err)
	}
	all := []string{"README.md"}
	for _, path := range found {
		all = append(all, "docs/"+filepath.Base(path))
	}
	return all
}

// What the pages name is there: settings, flags, variables, error codes.
func TestNames(t *testing.T) {
	settings, sections, flagNames, variables := map[string]bool{}, map[string]bool{}, map[string]bool{"--config": true}, map[string]bool{"SLUICE_CONFIG": true}
	for _, o := range config.Options() {
		settings[o.Path], flagNames["--"+o.Flag], variables[o.Env] = true, true, true
		if section, _, nested := strings.Cut(o.Path, "."); nested {
			sections[section] = true
		}
	}
	codes := map[string]bool{}
	for _, kind := range fault.Kinds() {
		codes[kind.Code()] = true
	}
	var (
		setting  = regexp.MustCompile("`([a-z_]+)\\.([a-z_]+)(?::[^`]*)?`")
		flag     = regexp.MustCompile(`sluice serve[^\n|]*`)
		option   = regexp.MustCompile(`--[a-z][a-z0-9-]*`)
		variable = regexp.MustCompile(`\bSLUICE_[A-Z0-9_]+[A-Z0-9]`)
		code     = regexp.MustCompile(`\b[1-5][0-9]{2} ([A-Z][A-Z0-9]+(?:_[A-Z0-9]+)+)`)
	)
	for _, path := range references {
		text := page(t, path).Text
		for _, m := range setting.FindAllStringSubmatch(text, -1) {
			if name := m[1] + "." + m[2]; sections[m[1]] && !settings[name] {
				t.Errorf("%s names the setting %s, which is not there", path, name)
			}
		}
		for _, command := range flag.FindAllString(text, -1) {
			for _, name := range option.FindAllString(command, -1) {
				if !flagNames[name] {
					t.Errorf("%s gives serve the flag %s, which it does not have", path, name)
				}
			}
		}
		for _, name := range variable.FindAllString(text, -1) {
			if !variables[name] {
				t.Errorf("%s names the variable %s, which means nothing", path, name)
			}
		}
		for _, m := range code.FindAllStringSubmatch(text, -1) {
			if !codes[m[1]] {
				t.Errorf("%s names the code %s, which is not there", path, m[1])
			}
		}
	}
}

// Blocks of settings, YAML and JSON can be read by what they are for.
func TestBlocks(t *testing.T) {
	settings := 0
	for _, path := range pages(t) {
		p := page(t, path)
		for i := range p.Blocks {
			b := &p.Blocks[i]
			where := fmt.Sprintf("%s:%d", p.Path, b.Line)
			if reason := unread(b); reason != "" {
				t.Errorf("%s: %s", where, reason)
			}
			switch {
			case b.Note == "settings":
				settings++
				cfg, err := config.Parse(where, []byte(b.Text))
				if err == nil {
					err = cfg.Validate()
				}
				if err != nil {
					t.Error(err)
				}
			case b.Lang == "yaml":
				for _, document := range strings.Split(b.Text, "\n---\n") {
					var any any
					if err := yaml.Unmarshal([]byte(document), &any); err != nil {
						t.Errorf("%s: %v", where, err)
					}
				}
			case b.Lang == "json" && !json.Valid([]byte(b.Text)):
				for line := range strings.Lines(b.Text) { // of a file with a document a line
					if !json.Valid([]byte(line)) {
						t.Errorf("%s: this is no JSON: %s", where, line)
					}
				}
			}
		}
	}
	if settings == 0 {
		t.Error("no block of settings was found")
	}
}

// unread is why nothing would hold a block to the code; empty if something does.
func unread(b *Block) string {
	runs := slices.Contains([]string{"sh", "python", "js", "go"}, b.Lang)
	switch {
	case b.Note == "serves" && b.Lang != "sh":
		return "a gateway is a command of a shell"
	case strings.HasPrefix(b.Note, "not run") && len(b.NotRun()) < 8:
		return "it is not run, and does not say why: <!-- not run: why -->"
	case runs && b.Lang != "sh" && b.File() == "" && b.NotRun() == "":
		return "a program is a file that a block runs, or says why not: <!-- file: NAME --> or <!-- not run: why -->"
	case b.Lang == "text" && !b.IsOutput() && b.noted("shown:") == "":
		return "a text is what the block above it prints, or says what it is: <!-- output --> or <!-- shown: what -->"
	case !runs && !slices.Contains([]string{"text", "yaml", "json", "ini"}, b.Lang):
		return fmt.Sprintf("no rule says how a block of %q is held to the code", b.Lang)
	}
	return ""
}

func TestUnread(t *testing.T) {
	f := func(lang, note string, read bool) {
		t.Helper()
		if got := unread(&Block{Lang: lang, Note: note}); (got == "") != read {
			t.Errorf("a block of %s with the note %q: %q", lang, note, got)
		}
	}
	f("sh", "", true)
	f("sh", "serves", true)
	f("text", "serves", false)
	f("sh", "not run:", false)
	f("sh", "not run: needs a GPU", true)
	f("python", "", false)
	f("python", "file: a.py", true)
	f("text", "", false)
	f("text", "output", true)
	f("text", "shown: a drawing", true)
	f("json", "", true)
	f("", "", false)
	f("bash", "", false)
}

var (
	link      = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	notAnchor = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// anchor is what a heading is called in a link.
func anchor(heading string) string {
	return strings.ReplaceAll(notAnchor.ReplaceAllString(strings.ToLower(heading), ""), " ", "-")
}

// Every link inside the repository leads somewhere, also to a heading.
func TestLinks(t *testing.T) {
	checked := 0
	for _, path := range walked(t) {
		for _, m := range link.FindAllStringSubmatch(page(t, path).Text, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			checked++
			file, heading, _ := strings.Cut(m[1], "#")
			target := path
			if file != "" {
				target = filepath.Join(filepath.Dir(path), file)
			}
			if _, err := os.Stat(filepath.Join(root, target)); err != nil {
				t.Errorf("%s links to %s, which is not there", path, m[1])
				continue
			}
			if heading == "" {
				continue
			}
			var anchors []string
			for _, h := range page(t, target).Headings {
				anchors = append(anchors, anchor(h))
			}
			if !slices.Contains(anchors, heading) {
				t.Errorf("%s links to %s, and %s has no such heading", path, m[1], target)
			}
		}
	}
	if checked < 30 {
		t.Errorf("only %d links were found", checked)
	}
}

func TestAnchor(t *testing.T) {
	f := func(heading, want string) {
		t.Helper()
		if got := anchor(heading); got != want {
			t.Errorf("anchor(%q) = %q, want %q", heading, got, want)
		}
	}
	f("Device states", "device-states")
	f("`sluice loadtest`: numbers", "sluice-loadtest-numbers")
	f("V1", "v1")
}

// README names each page, and each page begins with what it is for.
func TestPagesAreIntroduced(t *testing.T) {
	readme := page(t, "README.md").Text
	_, index, found := strings.Cut(readme, "## Where to go next\n")
	if !found {
		t.Fatal("README.md has no heading \"Where to go next\"")
	}
	for _, path := range pages(t)[1:] {
		if !strings.Contains(index, "]("+path+")") {
			t.Errorf("README.md does not say where to go for %s", path)
		}
		title, first := "", ""
		for line := range strings.Lines(page(t, path).Text) {
			switch line = strings.TrimSpace(line); {
			case line == "" || strings.HasPrefix(line, "<!--"):
				continue
			case title == "":
				title = line
				continue
			}
			first = line
			break
		}
		if !strings.HasPrefix(title, "# ") || len(first) < 60 || strings.ContainsAny(first[:1], "#|-") || strings.HasPrefix(first, "```") {
			t.Errorf("%s begins with %q and %q, not with a title and a sentence that says what it is for", path, title, first)
		}
	}
}
