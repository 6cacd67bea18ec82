// Command strict asks a running server every question that its OpenAPI document has, for every
// example model, and reads the answers as a careful Go program does: encoding/json, with unknown
// fields refused, into types that are written from the document.
//
//	strict URL MODELS
//
// It prints a line for each check. Exit status: 0 when all passed, 1 when one failed, 2 for wrong usage.
package main

import (
	"fmt"
	"os"
	"strings"
	"time"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: strict URL MODELS")
		os.Exit(2)
	}
	models, err := loadGolden(os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, "strict:", err)
		os.Exit(2)
	}
	s := &session{url: strings.TrimSuffix(os.Args[1], "/")}
	for _, m := range models {
		s.check(m.name+", V2", func() { s.each(m, s.infer) })
		s.check(m.name+", V1 by row", func() { s.each(m, s.rows) })
		s.check(m.name+", V1 by column", func() { s.each(m, s.columns) })
		s.check(m.name+", descriptions", func() { s.describe(m) })
	}
	s.check("server", s.server)
	s.check("refusals", s.refusals)
	s.check("values that are not finite, as null", s.nonFinite)
	s.check("values that are not finite, by default", s.nonFiniteByDefault)
	fmt.Printf("go: %d passed, %d failed\n", s.passed, s.failed)
	if s.failed > 0 || s.passed == 0 {
		os.Exit(1)
	}
}

// check makes a check, on a goroutine of its own, which must can end.
func (s *session) check(name string, check func()) {
	began := time.Now()
	s.where, s.fault = "", nil
	over := make(chan struct{})
	go func() {
		defer close(over)
		check()
	}()
	<-over
	if s.fault != nil {
		s.failed++
		fmt.Printf("FAIL  go: %s: %.300s\n", name, s.where+s.fault.Error())
		return
	}
	s.passed++
	fmt.Printf("ok    go: %s (%d ms)\n", name, time.Since(began).Milliseconds())
}

func (s *session) each(m model, check func(model, golden)) {
	for i, g := range m.cases {
		s.where = fmt.Sprintf("row %d of its golden.jsonl: ", i+1)
		check(m, g)
	}
}
