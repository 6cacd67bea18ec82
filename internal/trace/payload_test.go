package trace

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const payloadsHead = `{"sluice_payloads":1}` + "\n"

// readPayloads returns what a file holds until its end or its first fault.
func readPayloads(text string) (keys []string, all []Payload, err error) {
	r, err := NewPayloadReader(strings.NewReader(text))
	if err != nil {
		return nil, nil, err
	}
	for {
		var p Payload
		key, err := r.Next(&p)
		if errors.Is(err, io.EOF) {
			return keys, all, nil
		}
		if err != nil {
			return keys, all, err
		}
		keys, all = append(keys, key), append(all, p)
	}
}

func writePayloads(t testing.TB, all []Payload) (keys []string, text string) {
	t.Helper()
	var out bytes.Buffer
	w, err := NewPayloadWriter(&out)
	if err != nil {
		t.Fatal(err)
	}
	for i := range all {
		key, err := w.Write(&all[i])
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if w.Size() != int64(out.Len()) {
		t.Fatalf("a size of %d for %d bytes", w.Size(), out.Len())
	}
	return keys, out.String()
}

func TestPayloadsAreReadBackOnceEach(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		distinct := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Payload {
			body := rapid.SliceOfN(rapid.Byte(), 0, 50).Draw(t, "body")
			return Payload{
				Protocol: rapid.SampledFrom([]string{"v1", "v2"}).Draw(t, "protocol"),
				Type:     rapid.SampledFrom([]string{"", "application/json", "a\"b\n"}).Draw(t, "type"),
				Encoding: rapid.SampledFrom([]string{"", "gzip"}).Draw(t, "encoding"),
				Header:   rapid.Int64Range(-1, int64(len(body))).Draw(t, "header"),
				Body:     body,
			}
		}), 1, 5).Draw(rt, "distinct")
		sent := rapid.SliceOfN(rapid.IntRange(0, len(distinct)-1), 1, 20).Draw(rt, "sent")
		var all []Payload
		for _, i := range sent {
			all = append(all, distinct[i])
		}
		keys, text := writePayloads(t, all)
		gotKeys, got, err := readPayloads(text)
		if err != nil {
			rt.Fatal(err)
		}
		byKey := map[string]Payload{}
		for i, key := range gotKeys {
			if _, twice := byKey[key]; twice {
				rt.Fatalf("%s is there twice", key)
			}
			byKey[key] = got[i]
		}
		for i, key := range keys {
			p, want := byKey[key], all[i]
			if !bytes.Equal(p.Body, want.Body) || p.Protocol != want.Protocol || p.Type != want.Type || p.Encoding != want.Encoding || p.Header != want.Header {
				rt.Fatalf("payload %d came back as %+v, want %+v", i, p, want)
			}
		}
	})
}

func TestPayloadFaultsSayWhere(t *testing.T) {
	_, whole := writePayloads(t, []Payload{{Protocol: "v2", Type: "application/json", Header: -1, Body: []byte("{}\n{}")}, {Protocol: "v1", Header: -1, Body: []byte("x")}})
	f := func(text, want string) {
		t.Helper()
		if _, _, err := readPayloads(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: error %v, want one with %q", text, err, want)
		}
	}
	f("", "ends in the middle")
	f("{}\n", "version 0")
	f(`{"sluice_payloads":2}`+"\n", "version 2 is not known; this is a reader of version 1")
	f(`{"sluice_trace":1}`+"\n", "no key")
	f(whole[:len(whole)-1], "payload 2: the file ends in the middle")
	f(whole[:len(whole)-3], "payload 2: the file ends in the middle")
	f(strings.Replace(whole, "{}\n{}", "{}\n[]", 1), "payload 1: the body is damaged")
	f(strings.Replace(whole, "application/json", "application/text", 1), "payload 1: the body is damaged")
	f(strings.Replace(whole, `"bytes":5`, `"bytes":4`, 1), "longer than the 4 bytes")
	f(payloadsHead+`{"bytes":-1}`+"\n", "bytes is -1")
	f(payloadsHead+`{"bytes":9999999999}`+"\n", "bytes is 9999999999")
	f(payloadsHead+`{"bytes":1,"bytes":1}`+"\n", "comes twice")
	f(payloadsHead+`{"key":"a"}`+"\n", "bytes is missing")
	f(payloadsHead+`{"size":1}`+"\n", `no key "size"`)
	f(payloadsHead+`{"bytes":0,"protocol":"v3"}`+"\n\n", "neither v1 nor v2")
	f(payloadsHead+`{"bytes":0,"protocol":"v2","header":7}`+"\n\n", "header is 7")
	f(payloadsHead+strings.Repeat("x", 1<<17)+"\n", "a line of more than")
}

func TestPayloadWriterRefusesWhatNoReaderTakes(t *testing.T) {
	var out bytes.Buffer
	w, err := NewPayloadWriter(&out)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []Payload{{}, {Protocol: "v2", Header: 1}, {Protocol: "v2", Header: -2}, {Protocol: "v2", Header: -1, Type: strings.Repeat("x", MaxType+1)}, {Protocol: "v2", Header: -1, Encoding: "\xff"}} {
		if key, err := w.Write(&p); err == nil {
			t.Errorf("%.60v was written as %s", p, key)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if out.String() != payloadsHead {
		t.Errorf("the file is %q", out.String())
	}
}

func TestLoadPayloads(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.jsonl.gz")
	if all, err := LoadPayloads(path, 10); err != nil || len(all) != 0 {
		t.Errorf("no file: %v, error %v", all, err)
	}
	keys, text := writePayloads(t, []Payload{{Protocol: "v2", Header: -1, Body: []byte("123456")}, {Protocol: "v2", Header: -1, Body: []byte("1234")}})
	if err := os.WriteFile(PayloadsPath(path), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	all, err := LoadPayloads(path, 10)
	if err != nil || len(all) != 2 || string(all[keys[0]].Body) != "123456" {
		t.Errorf("%v, error %v", all, err)
	}
	if _, err := LoadPayloads(path, 9); err == nil || !strings.Contains(err.Error(), "more than 9 bytes") {
		t.Errorf("more than asked for: %v", err)
	}
	if err := os.WriteFile(PayloadsPath(path), []byte(text[:len(text)-1]), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadPayloads(path, 10); err == nil || !strings.Contains(err.Error(), "a.jsonl.gz.payloads: payload 2") {
		t.Errorf("cut off: %v", err)
	}
}

// FuzzPayloadReader holds the reader to its word: what it takes comes out the same after writing.
func FuzzPayloadReader(f *testing.F) {
	_, text := writePayloads(f, []Payload{{Protocol: "v2", Type: "application/json", Header: 2, Encoding: "gzip", Body: []byte("{}")}, {Protocol: "v1", Header: -1}})
	f.Add(text)
	f.Add(payloadsHead + `{"bytes":3,"key":"00"}` + "\nabc\n")
	f.Fuzz(func(t *testing.T, text string) {
		keys, all, err := readPayloads(text)
		if err != nil && len(all) == 0 {
			return
		}
		again, _ := writePayloads(t, all)
		if len(keys)+len(again) > 0 && !reflect.DeepEqual(keys, again) {
			t.Fatalf("keys %v became %v", keys, again)
		}
	})
}
