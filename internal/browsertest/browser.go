// Package browsertest has a real browser, without a network, look at pages that were written as
// files. Tests alone call it.
package browsertest

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"sluice/internal/child"
)

// Need finds Chromium, or skips. CI has one; elsewhere a machine may do without.
func Need(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatal("no chromium is on PATH: install it, so that the pages are looked at")
	}
	t.Skip("no chromium is on PATH: the pages are not looked at")
	return ""
}

// Run runs the browser once, without a network, and returns what it prints.
func Run(t testing.TB, args ...string) string {
	t.Helper()
	path := Need(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, append([]string{
		"--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run", "--allow-file-access-from-files",
		"--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND", "--user-data-dir=" + t.TempDir(),
	}, args...)...)
	// Its processes are many, and all of them end with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &stdout, &stderr, 10*time.Second
	browser, err := child.Start(cmd)
	if err == nil {
		err = browser.Wait()
		browser.End() // its helpers, lest they hold the folder that goes
	}
	if err != nil {
		t.Fatalf("the browser: %v\n%s", err, stderr.Bytes())
	}
	return stdout.String()
}

// Fit wants pages, files of one folder by name without .html, to fit the width of a phone and of a
// desk without being moved sideways, and no text of a chart to lie outside of it or on another
// one. It leaves a file in the folder.
func Fit(t testing.TB, dir string, names ...string) {
	t.Helper()
	var frames strings.Builder
	for _, name := range names {
		for _, wide := range []int{400, 1200} {
			fmt.Fprintf(&frames, `<iframe data-name="%s at %d" src="%s.html" style="border:0;width:%dpx;height:900px"></iframe>`, name, wide, name, wide)
		}
	}
	wrapper := filepath.Join(dir, "fit-wrapper.html")
	if err := os.WriteFile(wrapper, []byte(`<!doctype html><body>`+frames.String()+`<pre id="said"></pre><script>`+measure+`</script></body>`), 0o600); err != nil {
		t.Fatal(err)
	}
	out := Run(t, "--window-size=1300,1000", "--virtual-time-budget=20000", "--dump-dom", "file://"+wrapper)
	said := regexp.MustCompile(`(?s)<pre id="said">(.*?)</pre>`).FindStringSubmatch(out)
	if said == nil {
		t.Fatal("the browser says nothing")
	}
	lines := strings.Split(strings.TrimSpace(said[1]), "\n")
	if lines[len(lines)-1] != fmt.Sprintf("measured %d", 2*len(names)) {
		t.Errorf("the last line is %q for %d pages", lines[len(lines)-1], len(names))
	}
	for _, l := range lines[:len(lines)-1] {
		t.Error(l)
	}
}

// measure says what does not fit, one line each. Texts of one chart may touch, but not overlap.
const measure = `window.onload = () => {
  const said = [];
  let measured = 0;
  for (const f of document.querySelectorAll('iframe')) {
    const page = f.contentDocument.documentElement, name = f.dataset.name;
    if (f.contentDocument.body.innerText.length > 200) measured++;
    if (page.clientWidth > 1000) for (const wide of page.querySelectorAll('.wide'))
      if (wide.scrollWidth > wide.clientWidth && !wide.closest('details')) said.push(name + ': the table "' + wide.innerText.slice(0, 40).replace(/\s+/g, ' ') + '" is ' + wide.scrollWidth + ' px wide, in ' + wide.clientWidth);
    if (page.scrollWidth > page.clientWidth) said.push(name + ': ' + page.scrollWidth + ' px wide, in ' + page.clientWidth);
    for (const svg of page.querySelectorAll('svg')) {
      const title = svg.querySelector('title').textContent, frame = svg.getBoundingClientRect();
      const texts = [...svg.querySelectorAll('text')].map(t => [t.textContent, t.getBoundingClientRect()]).filter(([, b]) => b.width > 0);
      texts.forEach(([text, b], i) => {
        if (b.left < frame.left - 1 || b.right > frame.right + 1 || b.top < frame.top - 1 || b.bottom > frame.bottom + 1) said.push(name + ', ' + title + ': "' + text + '" is outside');
        for (const [other, c] of texts.slice(i + 1))
          if (Math.min(b.right, c.right) - Math.max(b.left, c.left) > 1 && Math.min(b.bottom, c.bottom) - Math.max(b.top, c.top) > 3) said.push(name + ', ' + title + ': "' + text + '" and "' + other + '" overlap');
      });
    }
  }
  document.getElementById('said').textContent = said.concat('measured ' + measured).join('\n');
};`

// Page is one that is drawn: a file of the folder, by name without .html, and the scheme that is asked for,
// light or dark.
type Page struct{ Name, Scheme string }

// Picture is what a page looks like: the colours in it, and its mean brightness, from 0 to 1.
type Picture struct {
	Colours    int
	Brightness float64
}

// width of a page that is drawn.
const width = 1200

// Draw has one browser draw pages, side by side, and looks at every second pixel of each. It leaves files in the
// folder.
func Draw(t testing.TB, dir string, height int, pages ...Page) (all []Picture) {
	t.Helper()
	// A frame takes over the scheme of the element around it.
	text := `<!doctype html><body style="margin:0;display:flex">`
	for _, p := range pages {
		text += fmt.Sprintf(`<iframe src="%s.html" style="color-scheme:%s;border:0;width:%dpx;height:100vh"></iframe>`, p.Name, p.Scheme, width)
	}
	wrapper, shot := filepath.Join(dir, "draw-wrapper.html"), filepath.Join(dir, "drawn.png")
	if err := os.WriteFile(wrapper, []byte(text+"</body>"), 0o600); err != nil {
		t.Fatal(err)
	}
	Run(t, fmt.Sprintf("--window-size=%d,%d", width*len(pages), height), "--screenshot="+shot, "file://"+wrapper)
	f, err := os.Open(shot) //nolint:gosec // the test's own file
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	drawn, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	if got := drawn.Bounds(); got.Dx() < width*len(pages) {
		t.Fatalf("the browser has drawn %d columns of %d pages", got.Dx(), len(pages))
	}
	for i := range pages {
		all = append(all, look(drawn, width*i))
	}
	return all
}

func look(drawn image.Image, left int) Picture {
	seen, sum, n := map[[3]uint32]bool{}, 0.0, 0.0
	for y := drawn.Bounds().Min.Y; y < drawn.Bounds().Max.Y; y += 2 {
		for x := left; x < left+width; x += 2 {
			r, g, b, _ := drawn.At(x, y).RGBA()
			seen[[3]uint32{r, g, b}] = true
			sum += float64(r+g+b) / 3 / 0xffff
			n++
		}
	}
	return Picture{len(seen), sum / n}
}
