package accesslog

import (
	"encoding/json"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"
)

// The page has every field and every reason, and its example is a line as it is written.
func TestPage(t *testing.T) {
	text, err := os.ReadFile("../../docs/accesslog.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	e := Entry{
		Why: Late, Peer: netip.MustParseAddrPort("10.1.2.3:58776"), Status: 200, Code: "C", Model: "m", Version: "1", Device: "cpu", Reason: "spill", Rows: 1, Batch: 1, Late: true,
		Budget: time.Second, BytesIn: 1, BytesOut: 1, Decode: time.Second, Queue: time.Second, Run: time.Second, Encode: time.Second, Total: time.Second, skipped: 1,
	}
	e.Describe([]byte("i"), []byte("POST"), []byte("/"))
	enc := newEncoder()
	enc.begin()
	enc.add(&e)
	var written, example map[string]any
	if err := json.Unmarshal(enc.out, &written); err != nil {
		t.Fatal(err)
	}
	_, rows, _ := strings.Cut(page, "## Fields")
	for field := range written {
		if !strings.Contains(rows, "`"+field+"`") {
			t.Errorf("the page does not tell of the field %s", field)
		}
	}
	for _, why := range whyNames[1:] {
		if !strings.Contains(page, "| `"+why+"` |") {
			t.Errorf("the page does not tell of the reason %s", why)
		}
	}
	_, line, _ := strings.Cut(page, "```json\n")
	line, _, _ = strings.Cut(line, "\n```")
	if err := json.Unmarshal([]byte(line), &example); err != nil {
		t.Fatal(err)
	}
	for field := range example {
		if _, there := written[field]; !there {
			t.Errorf("the page's example has the field %s, which is never written", field)
		}
	}
}
