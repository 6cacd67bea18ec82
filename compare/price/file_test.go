package price

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const accepted = `currency: USD   # of all prices
headroom: 0.7
replicas: 2
devices:
  cpu: {per_hour: 0.357}
  "cuda:0":
    per_hour: 0.805
`

func TestParsePrices(t *testing.T) {
	f := func(text string, want Prices) {
		t.Helper()
		got, err := ParsePrices("prices.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if got.Currency != want.Currency || got.Fleet != want.Fleet || !maps.Equal(got.PerHour, want.PerHour) {
			t.Errorf("%s\ngot %+v, want %+v", text, got, want)
		}
	}
	f(accepted, Prices{"USD", Fleet{0.7, 2}, map[string]float64{"cpu": 0.357, "cuda:0": 0.805}})
	f("\uFEFF"+accepted, Prices{"USD", Fleet{0.7, 2}, map[string]float64{"cpu": 0.357, "cuda:0": 0.805}})
	f("{currency: EUR, devices: {cpu: {per_hour: 1}}}", Prices{"EUR", Fleet{0.6, 1}, map[string]float64{"cpu": 1}})
	f("currency: EUR\ndevices: {cpu: {per_hour: 1e-6}, tpu: {per_hour: 1000000}}", Prices{"EUR", Fleet{0.6, 1}, map[string]float64{"cpu": 1e-6, "tpu": 1e6}})

	p, err := ParsePrices("prices.yaml", []byte(accepted))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := p.Device("cuda:0", 4000), (Device{Name: "cuda:0", RowsPerSecond: 4000, PricePerHour: 0.805, Currency: "USD"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got, want := p.Device("webgpu:0", 4000), (Device{Name: "webgpu:0", RowsPerSecond: 4000}); got != want {
		t.Errorf("without a price: got %+v, want %+v", got, want)
	}
}

func TestParsePricesRefuses(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		p, err := ParsePrices("prices.yaml", []byte(text))
		if err == nil {
			t.Errorf("%s\nwas taken: %+v", text, p)
			return
		}
		for _, w := range want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%.200s\ngives %v, want %q", text, err, w)
			}
		}
	}
	with := func(text string) string { return "currency: USD\ndevices: {cpu: {per_hour: 1}}\n" + text }
	f("", "prices.yaml: currency is missing: name that of the prices, such as currency: USD")
	f("# nothing\n", "currency is missing")
	f("currency: USD", "prices.yaml: devices is missing or empty: name one, such as devices: {cpu: {per_hour: 0.357}}")
	f("currency: USD\ndevices: {}", "devices is missing or empty")
	f("[1]", "prices.yaml:1: the prices must be a mapping")
	f("currency: usd\ndevices: {cpu: {per_hour: 1}}", `prices.yaml:1: currency: "usd" is not three capital letters, such as USD`)
	f("currency: [USD]\ndevices: {cpu: {per_hour: 1}}", "prices.yaml:1: currency: ")
	f(with("headroom: 1.5"), `prices.yaml:3: headroom: "1.5" is not a number from 0.01 to 1`)
	f(with("headroom: 0"), `headroom: "0" is not a number from 0.01 to 1`)
	f(with("headroom: .nan"), "prices.yaml:3: headroom: ")
	f(with("headroom: nan"), `headroom: "nan" is not a number`)
	f(with("headroom:"), `headroom: "" is not a number`)
	f(with("headroom: 60 %"), `headroom: "60 %" is not a number`)
	f(with("headroom: {a: 1}"), `headroom: "" is not a number`)
	f(with("replicas: 1.5"), `prices.yaml:3: replicas: "1.5" is not a whole number from 1 to 1000`)
	f(with("replicas: 0"), `replicas: "0" is not a whole number from 1 to 1000`)
	f(with("replicas: 1001"), `replicas: "1001" is not a whole number from 1 to 1000`)
	f(with("replica: 1"), `prices.yaml:3: there is no key "replica" in the prices (did you mean replicas?), which may have replicas, currency, headroom, devices`)
	f("currency: USD\ndevices: {cpu: 0.357}", "prices.yaml:2: devices.cpu must be a mapping")
	f("currency: USD\ndevices: {cpu: }", "devices.cpu must be a mapping")
	f("currency: USD\ndevices: {cpu: {}}", "prices.yaml:2: devices.cpu has no per_hour: give the price of an hour, or leave the device out")
	f("currency: USD\ndevices: {cpu: {per_hour: 0}}", `prices.yaml:2: devices.cpu.per_hour: "0" is not a number from 1e-06 to 1e+06`)
	f("currency: USD\ndevices: {cpu: {per_hour: 2000000}}", `devices.cpu.per_hour: "2000000" is not a number from 1e-06 to 1e+06`)
	f("currency: USD\ndevices: {cpu: {per_hour: .inf}}", "devices.cpu.per_hour: ")
	f("currency: USD\ndevices: {cpu: {per_hour: $0.35}}", `devices.cpu.per_hour: "$0.35" is not a number`)
	f("currency: USD\ndevices: {cpu: {per_day: 9}}", `there is no key "per_day" in devices.cpu, which may have per_hour`)
	f("currency: USD\ndevices: {\"a\\tb\": {per_hour: 9}}", `prices.yaml:2: devices: the name "a\tb" must have 1 to 64 bytes, all printable`)
	f("currency: USD\ndevices: {0: {per_hour: 9}}", "prices.yaml:2: devices: a key must be a name; put it between quotation marks")
	f(with("currency: EUR"), `prices.yaml:3:1: it cannot be read as YAML: mapping key "currency" already defined at [1:1]`)
	f(with("'currency': EUR"), `mapping key "currency" already defined`)
	f("currency: USD\ndevices: {cpu: {per_hour: 1}, cpu: {per_hour: 2}}", `prices.yaml:2:31: it cannot be read as YAML: mapping key "cpu" already defined`)
	f(with("---\nreplicas: 2"), "begins a second document: a file holds one")
	f("currency: USD\n\tdevices: 1", `prices.yaml:2:1: it cannot be read as YAML: found character '\t'`)
	f("\xff\xfea", "prices.yaml: it is UTF-16: save it as UTF-8")
	f(strings.Repeat("#", maxFile+1), "prices.yaml: it has 65537 bytes; the limit is 65536")
	f(strings.Repeat("[", 5000), "prices.yaml: line 1: ")
	var many strings.Builder
	many.WriteString("currency: USD\ndevices:\n")
	for i := range maxDevices + 1 {
		fmt.Fprintf(&many, "  d%d: {per_hour: 1}\n", i)
	}
	f(many.String(), "prices.yaml:259: devices: d256 is one too many: the limit is 256")
	// All faults are told at once.
	f("currency: x\nheadroom: 2\nreplicas: 0\ndevices: {cpu: {per_hour: -1}}", "prices.yaml:1: currency", "prices.yaml:2: headroom", "prices.yaml:3: replicas", "prices.yaml:4: devices.cpu.per_hour")
}

func TestReadPrices(t *testing.T) {
	path := filepath.Join(t.TempDir(), "prices.yaml")
	if _, err := ReadPrices(path); err == nil || !strings.Contains(err.Error(), "cannot read the prices "+path+": ") || !strings.Contains(err.Error(), "correct the path") {
		t.Errorf("without a file: %v", err)
	}
	if err := os.WriteFile(path, []byte(accepted), 0o600); err != nil {
		t.Fatal(err)
	}
	if p, err := ReadPrices(path); err != nil || len(p.PerHour) != 2 {
		t.Errorf("%+v, %v", p, err)
	}
	if err := os.WriteFile(path, make([]byte, maxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadPrices(path); err == nil || !strings.Contains(err.Error(), "it has more than 65536 bytes") {
		t.Errorf("a file that is too large: %v", err)
	}
}

// FuzzParsePrices wants no panic, and that devices can be compared with whatever is taken.
func FuzzParsePrices(f *testing.F) {
	for _, text := range []string{accepted, "currency: USD\ndevices: {cpu: &a {per_hour: 1}, gpu: *a}", "<<: {a: b}", "? [a]\n: b", "!!int a: !!str 1", "devices: {cpu: {per_hour: 0x1p-2}}"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := ParsePrices("fuzz", text)
		if err != nil {
			return
		}
		if len(p.PerHour) == 0 || len(p.PerHour) > maxDevices {
			t.Fatalf("it has %d prices", len(p.PerHour))
		}
		for name := range p.PerHour {
			if _, err := Compare(p.Fleet, Steady(900), p.Device(name, 400), Device{Name: name + "'", RowsPerSecond: 4000, PricePerHour: 1, Currency: p.Currency}); err != nil && len(name) < maxName {
				t.Fatal(err)
			}
		}
	})
}
