package live

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"sluice/loadtest/result"
	"sluice/loadtest/sample"
	"sluice/loadtest/stats"
)

// style is how a span looks on a terminal with colours.
type style string

const (
	plain  style = ""
	strong style = "\x1b[1m"
	faint  style = "\x1b[2m"
	good   style = "\x1b[32m"
	bad    style = "\x1b[1;31m"
	reset        = "\x1b[0m"
)

// span is a piece of a line.
type span struct {
	text  string
	style style
}

// line is cut to the width when it is printed; a span is never split by colour codes.
type line []span

func (l *line) add(s style, format string, args ...any) {
	*l = append(*l, span{result.Clean(fmt.Sprintf(format, args...)), s})
}

// print cuts the line to a width and paints it.
func (l line) print(width int, colour bool) string {
	var b strings.Builder
	for _, s := range l {
		text := []rune(s.text)
		if len(text) > width {
			text = text[:width]
		}
		width -= len(text)
		if colour && s.style != plain && len(text) > 0 {
			b.WriteString(string(s.style) + string(text) + reset)
		} else {
			b.WriteString(string(text))
		}
	}
	return strings.TrimRight(b.String(), " ")
}

// flow puts items on a line, and on a second one what does not fit. On a terminal so narrow that
// this would take many lines, the first is cut instead.
func flow(width int, items []line) []line {
	const gap, narrow, most = 2, 60, 2
	var lines []line
	room := 0
	for _, item := range items {
		n := item.width()
		switch {
		case len(lines) == 0, n+gap > room && width >= narrow && len(lines) < most:
			lines, room = append(lines, item), width-n
		default:
			last := &lines[len(lines)-1]
			*last = append(append(*last, span{"  ", plain}), item...)
			room -= gap + n
		}
	}
	return lines
}

func (l line) width() (n int) {
	for _, s := range l {
		n += utf8.RuneCountInString(s.text)
	}
	return n
}

// one is an item of one style.
func one(s style, format string, args ...any) (l line) {
	l.add(s, format, args...)
	return l
}

// mostLines is how high the block can be; on a terminal of 80 columns it is nine or ten.
const mostLines = 13

// render makes the block: no line is wider than width, none is empty.
func render(s *Snapshot, title string, width int, colour bool) []string {
	width = max(width, 1)
	lines := []line{one(strong, "%s", title), progress(s, width)}
	lines = append(lines, flow(width, rates(s))...)
	lines = append(lines, clocks(s)...)
	lines = append(lines, flow(width, stages(s))...)
	lines = append(lines, flow(width, ends(s))...)
	lines = append(lines, flow(width, resources(s))...)
	var out []string
	for _, l := range lines {
		if strings.TrimSpace(l.print(width, false)) != "" {
			out = append(out, l.print(width, colour))
		}
	}
	return out
}

// narrowest is the shortest progress bar; with less room there is none.
const narrowest, widest = 8, 40

func progress(s *Snapshot, width int) (l line) {
	phase, elapsed, total := s.at()
	text := duration(elapsed)
	if total > 0 {
		text = fmt.Sprintf("%s of %s, %s left", duration(elapsed), duration(total), duration(max(total-elapsed, 0)))
	}
	if phase != "" {
		text = phase + ": " + text
	}
	var words line
	words.add(plain, "%s", text)
	if s.Objective != "" {
		words.add(plain, "  %s ", s.Objective)
		switch s.Light {
		case Holds:
			words.add(good, "[OK]")
		case Fails:
			words.add(bad, "[FAILS]")
		default:
			words.add(faint, "[..]")
		}
	}
	// What the words leave is the bar's.
	room := min(width-words.width()-len("[]  "), widest)
	if total > 0 && room >= narrowest {
		full := int(float64(room) * min(max(elapsed.Seconds()/total.Seconds(), 0), 1))
		head := ""
		if full > 0 && full < room {
			full, head = full-1, ">"
		}
		l.add(plain, "[%s%s%s]  ", strings.Repeat("=", full), head, strings.Repeat(" ", room-full-len(head)))
	}
	return append(l, words...)
}

func rates(s *Snapshot) []line {
	items := []line{
		one(plain, "per s: offered %s", number(s.Offered)), one(plain, "sent %s", number(s.Sent)), one(plain, "good %s", number(s.Good)),
		one(plain, "in flight %s", result.Thousands(s.InFlight)), one(plain, "lag p99 %s", withUnit(s.LagP99)),
	}
	if s.Late != 0 {
		items = append(items, one(plain, "late %s", result.Thousands(s.Late)))
	}
	return items
}

// clocks is a small table: both clocks in the last second and in the whole run.
func clocks(s *Snapshot) []line {
	const form = "%-9s%7s%7s%7s  |%8s%7s%7s%7s"
	row := func(name string, second, all *stats.LiveLatency) line {
		return one(plain, form, name, ms(second.P50), ms(second.P99), ms(second.Max), ms(all.P50), ms(all.P99), ms(all.P999), ms(all.Max))
	}
	head := one(faint, form, "ms, 1 s", "p50", "p99", "max", "all p50", "p99", "p99.9", "max")
	return []line{head, row("response", &s.Recent.Response, &s.Response), row("service", &s.Recent.Service, &s.Service)}
}

func stages(s *Snapshot) (items []line) {
	for i, v := range s.Stages {
		name := v.Name
		if i == 0 {
			name = "mean ms: " + name
		}
		items = append(items, one(plain, "%s %s", name, ms(v.Mean)))
	}
	return items
}

// short names of outcomes, and how they look; a request that ended otherwise is in a span of its own.
var short = [sample.Outcomes]span{
	sample.Rejected: {"rejected", plain}, sample.ClientError: {"4xx", bad}, sample.ServerError: {"5xx", bad}, sample.Timeout: {"timeout", bad},
	sample.Refused: {"refused", bad}, sample.Unsent: {"unsent", bad}, sample.Lost: {"lost", bad},
}

func ends(s *Snapshot) []line {
	wrong := s.Outcomes[sample.Wrong]
	ok := one(plain, "ok %s", result.Thousands(s.Outcomes[sample.OK]))
	switch {
	case s.Verified == 0 && wrong == 0:
		ok.add(faint, " (not compared)")
	case wrong == 0:
		ok.add(plain, " (verified %s, wrong 0)", result.Thousands(s.Verified))
	default:
		ok.add(plain, " (verified %s, ", result.Thousands(s.Verified))
		ok.add(bad, "WRONG %s", result.Thousands(wrong))
		ok.add(plain, ")")
	}
	items := []line{ok}
	for o, n := range s.Outcomes {
		if name := short[o]; n != 0 && name.text != "" {
			items = append(items, one(name.style, "%s %s", name.text, result.Thousands(n)))
		}
	}
	if s.Extra != 0 {
		items = append(items, one(bad, "extra %s", result.Thousands(s.Extra)))
	}
	return items
}

func resources(s *Snapshot) (items []line) {
	add := func(known bool, format string, value any) {
		if known {
			items = append(items, one(plain, format, value))
		}
	}
	add(s.ToolCores > 0, "tool %.2f cores", s.ToolCores)
	add(s.TargetCores > 0, "target %.2f cores", s.TargetCores)
	add(s.RSS > 0, "RSS %.0f MB", float64(s.RSS)/1e6)
	add(s.GPU >= 0, "GPU %.0f %%", 100*s.GPU)
	add(s.BatchMean > 0, "batch %.1f", s.BatchMean)
	return items
}

// oneLine is the form without a terminal.
func oneLine(s *Snapshot) string {
	var l line
	phase, elapsed, total := s.at()
	text := duration(elapsed)
	if total > 0 {
		text += " of " + duration(total)
	}
	if phase != "" {
		text = phase + ": " + text
	}
	l.add(plain, "%s  sent %s  good %s  in flight %s  p50 %s  p99 %s  max %s  lag p99 %s", text, rate(s.Sent), rate(s.Good), result.Thousands(s.InFlight),
		withUnit(s.Recent.Response.P50), withUnit(s.Recent.Response.P99), withUnit(s.Recent.Response.Max), withUnit(s.LagP99))
	for _, item := range ends(s) {
		l = append(append(l, span{"  ", plain}), item...)
	}
	if s.Objective != "" && s.Light != Off {
		l.add(plain, "  %s %s", s.Objective, map[Light]string{Holds: "holds", Fails: "FAILS"}[s.Light])
	}
	return l.print(math.MaxInt, false)
}
