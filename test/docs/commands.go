package docs

import (
	"regexp"
	"slices"
	"strings"
)

// Command is a command that a page shows, in a block or within a sentence.
type Command struct {
	Line int // in the page, from 1
	// Words are its words as they are written, quotes left on; the first is the command itself.
	Words []string
}

// own are the first words of commands that this repository has to have: make's targets, its own
// binary and scripts, and the packages that go is pointed to.
var own = regexp.MustCompile(`^(make|go|(bin/)?sluice|scripts/[a-z_]+\.(sh|py))$`)

var (
	span       = regexp.MustCompile("`([^`]+)`")
	assignment = regexp.MustCompile(`^[A-Za-z_]+=`)
	// placeholder is a word that a reader puts a text of their own for.
	placeholder = regexp.MustCompile(`^\[|\||\.\.\.|^[A-Z][A-Z_.]*$|…`)
)

// Commands are the page's own commands, those of blocks that are not run among them.
func (p *Page) Commands() []Command {
	var all []Command
	add := func(line int, text string) {
		for _, words := range split(text) {
			if own.MatchString(words[0]) && len(words) > 1 {
				words[0] = strings.TrimPrefix(words[0], "bin/")
				all = append(all, Command{line, words})
			}
		}
	}
	inBlock := map[int]bool{}
	for i := range p.Blocks {
		b := &p.Blocks[i]
		count := strings.Count(b.Text, "\n")
		for n := range count + 2 {
			inBlock[b.Line+n] = true
		}
		if b.Lang == "sh" {
			add(b.Line, b.Text)
		}
	}
	for n, line := range strings.Split(p.Text, "\n") {
		if inBlock[n+1] {
			continue
		}
		for _, m := range span.FindAllStringSubmatch(line, -1) {
			add(n+1, strings.ReplaceAll(m[1], `\|`, "|"))
		}
	}
	return all
}

// split cuts shell text into simple commands, without comments and what is assigned before one.
// It knows as much of the shell as the pages use.
func split(text string) [][]string {
	text = strings.NewReplacer("\\\n", " ", "$(", "\x00", "\"", " ", "eval", "\x00").Replace(text)
	var all [][]string
	for line := range strings.Lines(text) {
		if at := strings.Index(" "+line, " #"); at >= 0 {
			line = line[:at]
		}
		for _, command := range regexp.MustCompile(`\x00|&&|[;)>]| \| `).Split(line, -1) {
			words := strings.Fields(command)
			for len(words) > 0 && assignment.MatchString(words[0]) {
				words = words[1:]
			}
			if len(words) > 0 {
				all = append(all, words)
			}
		}
	}
	return all
}

// Flags are the long flags of a command.
func (c *Command) Flags() []string {
	var all []string
	for _, word := range c.Words {
		if name, _, _ := strings.Cut(word, "="); strings.HasPrefix(name, "--") && len(name) > 2 {
			all = append(all, name)
		}
	}
	return all
}

// Plain are the words up to the first flag, placeholder or value: the command with its subcommands.
func (c *Command) Plain() []string {
	end := slices.IndexFunc(c.Words, func(word string) bool {
		return strings.HasPrefix(word, "-") || placeholder.MatchString(word) || strings.ContainsAny(word, "/.:=,'")
	})
	if end < 0 {
		end = len(c.Words)
	}
	return c.Words[:end]
}
