package report

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sluice/plan"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var update = flag.Bool("update", false, "rewrite the golden files")

// answer asks a question whose answer has all parts: two models, a search, sweeps.
func answer(t *testing.T, objectives string) *plan.Answer {
	t.Helper()
	s := plan.Study{
		Costs: plan.Costs{}, Budget: 25 * time.Millisecond, Seed: 1, Length: 4 * time.Second, Warmup: time.Second, Scale: 2,
		Fleet: []plan.Group{{Kind: "gpu", Count: 1}, {Kind: "cpu", Count: 1, Lanes: 4}},
	}
	for _, cost := range []string{"gpu=1:2.128ms,2:2.194ms,4:2.759ms,8:3.895ms,16:5.793ms,32:11.193ms", "cpu=1:10ms/11ms,4:30ms"} {
		if err := s.Costs.ParseCost(cost); err != nil {
			t.Fatal(err)
		}
	}
	for _, model := range []string{"<resnet>", "eta"} {
		load, err := plan.ParseLoad("poisson:500")
		if err != nil {
			t.Fatal(err)
		}
		s.Traffic = append(s.Traffic, plan.Traffic{Model: model, Load: load})
	}
	parsed, err := plan.ParseObjectives(objectives)
	if err != nil {
		t.Fatal(err)
	}
	a, err := plan.Ask(context.Background(), plan.Question{Study: s, Objectives: parsed, Kind: "gpu", Most: 2, Factors: []float64{0.5, 1, 1.5}})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// The text's figures come from the scheduler and change with it; its form does not. So the
// golden file holds the form: every number is a 0.
func TestTextHasItsForm(t *testing.T) {
	var out bytes.Buffer
	if err := Text(&out, answer(t, "attainment>=0.99")); err != nil {
		t.Fatal(err)
	}
	got := regexp.MustCompile(`[0-9]+(\.[0-9]+)?`).ReplaceAllString(out.String(), "0")
	got = regexp.MustCompile(` +`).ReplaceAllString(got, " ")
	// How many lines of these there are is a matter of figures, too.
	got = regexp.MustCompile(`(?m)(^ 0(-0)? 0 0 %\n)+`).ReplaceAllString(got, " 0-0 0 0 %\n")
	got = regexp.MustCompile(`(?m)(^ 0 0 0 % 0/s (do not )?hold\n)+`).ReplaceAllString(got, " 0 0 0 % 0/s hold\n")
	path := filepath.Join("testdata", "text.golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the text is\n%s\nwant (-update rewrites it)\n%s", got, want)
	}
}

func TestTextBeginsWithTheVerdict(t *testing.T) {
	a := answer(t, "p99<1ms")
	var out bytes.Buffer
	if err := Text(&out, a); err != nil {
		t.Fatal(err)
	}
	if first, _, _ := strings.Cut(out.String(), "\n"); first != a.Verdict || !strings.HasPrefix(first, "not even 2 GPUs hold p99<1ms at ") {
		t.Errorf("the first line is %q", first)
	}
}

// The page is one well-formed file that asks for nothing else, says the verdict first and has
// every figure with axes.
func TestPageStandsAlone(t *testing.T) {
	a := answer(t, "attainment>=0.99")
	var out bytes.Buffer
	if err := HTML(&out, a); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	for _, bad := range []string{"http://", "https://", "<script", "<img", "<link", "url(", "@import", "NaN", "Inf", "ZgotmplZ", "<no value>", "%!"} {
		if strings.Contains(text, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	d := xml.NewDecoder(strings.NewReader(strings.TrimPrefix(text, "<!doctype html>")))
	d.Strict, d.AutoClose, d.Entity = false, []string{"meta"}, xml.HTMLEntity
	counts := map[string]int{}
	first := ""
	heading := false
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			counts[token.Name.Local]++
			heading = token.Name.Local == "h1"
			for _, a := range token.Attr {
				if a.Name.Local == "class" {
					counts["."+a.Value]++
				}
			}
		case xml.CharData:
			if heading {
				first += string(token)
			}
		case xml.EndElement:
			heading = false
		}
	}
	if first != a.Verdict {
		t.Errorf("the heading is %q, the verdict %q", first, a.Verdict)
	}
	if counts["svg"] != 9 || counts["figure"] != 9 || counts[".label"] != 18 || counts[".axis"] != 9 {
		t.Errorf("%d figures with %d drawings, %d axes, %d labels", counts["figure"], counts["svg"], counts[".axis"], counts[".label"])
	}
	if !strings.Contains(text, "&lt;resnet&gt;") || strings.Contains(text, "<resnet>") {
		t.Error("a model's name is not escaped")
	}
	if want := map[bool]string{true: "held", false: "missed"}[*a.Held]; counts["."+want] != 1 {
		t.Errorf("the verdict is not marked as %s", want)
	}
}

func TestPageWithoutASweepHasShares(t *testing.T) {
	a := answer(t, "attainment>=0.99")
	a.Sweeps, a.Search, a.Held, a.Checks = nil, nil, nil, nil
	var out bytes.Buffer
	if err := HTML(&out, a); err != nil {
		t.Fatal(err)
	}
	if text := out.String(); !strings.Contains(text, "Device shares") || strings.Contains(text, "against load") || strings.Contains(text, `class="held"`) {
		t.Error("the page of a single outcome is not what it should be")
	}
}

func TestManyDevicesAreShownByKind(t *testing.T) {
	o := &plan.Outcome{Fleet: []plan.Group{{Kind: "gpu", Count: 20}, {Kind: "cpu", Count: 1}}}
	for range 20 {
		o.Devices = append(o.Devices, plan.DeviceOutcome{Kind: "gpu", Share: 0.04, InTime: 2, Batches: 1, Rows: 4, Utilisation: 0.5})
	}
	o.Devices = append(o.Devices, plan.DeviceOutcome{Kind: "cpu", Share: 0.2, Utilisation: 0.25})
	got := shown(o)
	if len(got) != 2 || got[0].Name != "gpu (20)" || got[0].InTime != 40 || got[0].MeanBatch != 4 || got[0].Utilisation < 0.499 || got[0].Utilisation > 0.501 || got[1].Share != 0.2 {
		t.Errorf("shown %+v", got)
	}
}
