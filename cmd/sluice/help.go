package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sluice/config"
	"sluice/internal/wrap"
	"sluice/loadtest/live"
)

// Help is as wide as the terminal within these bounds: longer lines are hard to read.
const (
	narrowest = 60
	widest    = 100
)

// columns is how wide text for people is on a file; 0 for no bound, where it is no terminal.
func columns(f *os.File) int {
	if tty, width := live.Terminal(f); tty {
		if n := width(); n > 0 {
			return min(max(n, narrowest), widest)
		}
		return 80
	}
	return 0
}

// helpColumns is how wide help is, which is read in a pipe too.
func helpColumns() int {
	if width := columns(os.Stdout); width > 0 {
		return width
	}
	return 80
}

// writeHelp shows a command's text and its usage. Every command has it.
func writeHelp(cmd *cobra.Command, _ []string) {
	fmt.Fprintln(cmd.OutOrStdout(), reflow(cmp.Or(cmd.Long, cmd.Short), helpColumns()))
	if cmd.Runnable() || cmd.HasSubCommands() {
		fmt.Fprintf(cmd.OutOrStdout(), "\n%s", cmd.UsageString())
	}
}

// reflow breaks the paragraphs of a text anew. Lines that are indented, such as examples, stay.
func reflow(text string, width int) string {
	var lines []string
	paragraph := ""
	end := func() {
		if paragraph != "" {
			lines = append(lines, wrap.Lines(paragraph, width)...)
		}
		paragraph = ""
	}
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		if line == "" || strings.HasPrefix(line, " ") {
			end()
			lines = append(lines, line)
			continue
		}
		paragraph += line + " "
	}
	end()
	return strings.Join(lines, "\n")
}

// writePlainUsage shows the flags of a command without settings as writeUsage does.
func writePlainUsage(cmd *cobra.Command) error {
	w := cmd.OutOrStdout()
	fmt.Fprintf(w, "Usage:\n  %s\n\nFlags:\n", cmd.UseLine())
	cmd.Flags().VisitAll(func(f *pflag.Flag) { writeFlag(w, f, helpColumns()) })
	return nil
}

// writeUsage shows a command's own flags first, and then the settings by section.
func writeUsage(cmd *cobra.Command) error {
	w := cmd.OutOrStdout()
	width := helpColumns()
	fmt.Fprintf(w, "Usage:\n  %s\n", cmd.UseLine())
	settings := map[string]config.Option{}
	for _, o := range config.Options() {
		settings[o.Flag] = o
	}
	fmt.Fprint(w, "\nFlags:\n")
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if _, isSetting := settings[f.Name]; !isSetting || !settable(f) {
			writeFlag(w, f, width)
		}
	})
	paragraph := func(text string) {
		fmt.Fprintf(w, "\n%s\n", strings.Join(wrap.Lines(text, width), "\n"))
	}
	paragraph("Each setting has a flag, a variable, SLUICE_ and the setting's name in capitals, and a key of the settings file. " +
		"A flag goes before a variable, a variable before the file, and the file before the default. `sluice config` shows what holds; " +
		"docs/settings.md says what breaks when one is too low or too high.")
	section := "none yet"
	for _, o := range config.TopFirst(config.Options()) {
		path := ""
		if end := strings.LastIndex(o.Path, "."); end > 0 {
			path = o.Path[:end]
		}
		f := cmd.Flags().Lookup(o.Flag)
		if f == nil || !settable(f) {
			continue
		}
		if path != section {
			section = path
			paragraph(sectionTitle(path, o.Section))
		}
		writeFlag(w, f, width)
	}
	return nil
}

// settable tells whether a flag is a setting's: a command may have one of its own by that name.
func settable(f *pflag.Flag) bool {
	_, is := f.Value.(*settingValue)
	return is
}

// sectionTitle heads the flags of a section.
func sectionTitle(path, about string) string {
	if path == "" {
		return "Settings:"
	}
	first, _, _ := strings.Cut(about, ". ")
	return fmt.Sprintf("Settings, %s: %s.", path, strings.TrimSuffix(first, "."))
}

// writeFlag prints a flag with its kind and default, and below it what it does.
func writeFlag(w io.Writer, f *pflag.Flag, width int) {
	name := "      --" + f.Name
	if f.Shorthand != "" {
		name = fmt.Sprintf("  -%s, --%s", f.Shorthand, f.Name)
	}
	kind, usage := f.Value.Type(), f.Usage
	if strings.Contains(usage, "`") {
		kind, usage = pflag.UnquoteUsage(f)
	}
	if kind != "" && kind != "bool" {
		name += " " + kind
	}
	if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "[]" {
		name += "   (default " + f.DefValue + ")"
	}
	fmt.Fprintln(w, name)
	const indent = 10
	for _, line := range wrap.Lines(usage, width-indent) {
		fmt.Fprintf(w, "%*s%s\n", indent, "", line)
	}
}
