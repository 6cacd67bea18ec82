package config

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

func TestFit(t *testing.T) {
	f := func(text string, memory Bytes, want string) {
		t.Helper()
		c := mustParse(t, text)
		if err := c.Validate(); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		got := ""
		if err := c.Fit(memory, "the cgroup"); err != nil {
			got = err.Error()
		} else {
			l := &c.Limits
			got = fmt.Sprintf("%v bodies %v inputs %v answers %v connections %d; body %v decompressed %v answer %v queue %v",
				l.Memory, l.MaxBodiesBytes, l.MaxInputsBytes, l.MaxAnswersBytes, l.MaxConnections, l.MaxBodyBytes, l.MaxDecompressedBytes, l.MaxAnswerBytes, c.Queue.MaxBytes)
		}
		if got != want {
			t.Errorf("%q in %v:\n got %s\nwant %s", text, memory, got, want)
		}
	}
	f("", 64*gibibyte, "64GiB bodies 1GiB inputs 1GiB answers 2GiB connections 4096; body 64MiB decompressed 64MiB answer 1GiB queue 256MiB")
	f("", 8*gibibyte, "8GiB bodies 1GiB inputs 1GiB answers 1GiB connections 4096; body 64MiB decompressed 64MiB answer 512MiB queue 256MiB")
	f("", 512*mebibyte, "512MiB bodies 64MiB inputs 64MiB answers 64MiB connections 1024; body 32MiB decompressed 32MiB answer 32MiB queue 64MiB")
	f("limits: {memory: 512MiB}", 8*gibibyte, "512MiB bodies 64MiB inputs 64MiB answers 64MiB connections 1024; body 32MiB decompressed 32MiB answer 32MiB queue 64MiB")
	f("limits: {max_body_bytes: 128MiB, max_bodies_bytes: 240MiB}", 512*mebibyte, "512MiB bodies 240MiB inputs 33MiB answers 33MiB connections 528; body 128MiB decompressed 33MiB answer 16896KiB queue 33MiB")
	f("limits: {max_bodies_bytes: 600MiB}", 512*mebibyte,
		"requests may hold 601MiB together (limits.max_bodies_bytes 600MiB, limits.max_inputs_bytes 1KiB, limits.max_answers_bytes 1KiB, limits.max_connections 1MiB; a connection counts 64KiB), more than two thirds of the memory, 512MiB (the cgroup): lower them, or let the server have more")
	f("limits: {memory: 4GiB}", gibibyte, "sluice.yaml:1: limits.memory: 4GiB is more than the 1GiB that there is (the cgroup)")
	f("", 64*mebibyte, "there are 64MiB of memory (the cgroup); the server needs 128MiB at least")
}

// Whatever is set, what Fit leaves is valid and fits, and what was set stays.
func TestFitLeavesWhatIsSet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		memory := Bytes(rapid.Int64Range(int64(leastMemory), int64(64*gibibyte)).Draw(t, "memory"))
		c := Default()
		set := map[string]string{}
		for _, path := range []string{"limits.max_bodies_bytes", "limits.max_inputs_bytes", "limits.max_answers_bytes", "limits.max_body_bytes", "limits.max_answer_bytes", "limits.max_decompressed_bytes", "queue.max_bytes"} {
			if rapid.IntRange(0, 3).Draw(t, path) == 0 {
				size := Bytes(1) << rapid.IntRange(10, 33).Draw(t, "size")
				if err := c.Set(path, size.String(), "--x"); err != nil {
					t.Fatal(err)
				}
				set[path] = size.String()
			}
		}
		if c.Validate() != nil || c.Fit(memory, "test") != nil {
			return
		}
		if err := c.Validate(); err != nil {
			t.Fatalf("with %v in %v it becomes invalid: %v", set, memory, err)
		}
		if sum := c.Budgeted(); sum > memory/3*2 || c.Limits.Memory != memory {
			t.Fatalf("with %v the budgets add up to %v of %v", set, sum, c.Limits.Memory)
		}
		for _, s := range c.Effective() {
			if want, ok := set[s.Path]; ok && s.Value != want {
				t.Fatalf("%s was set to %s and is %v", s.Path, want, s.Value)
			}
		}
	})
}
