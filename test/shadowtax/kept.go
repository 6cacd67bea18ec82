package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"

	"sluice/loadtest/sample"
)

// kept is the measurement as its file has it: that of all runs that wrote into it.
type kept struct {
	Rate     float64  `json:"requests_per_second"`
	Capacity float64  `json:"closed_loop,omitempty"` // 0 if the rate was given
	Gateways []string `json:"gateways"`              // the binary's version, by run
	Results  []result `json:"kinds"`
}

// result is what came of a kind.
type result struct {
	Kind        string               `json:"kind"`
	Seen        uint64               `json:"mirrored"`
	Compared    uint64               `json:"compared"`
	Unaccounted int64                `json:"unaccounted"`
	Restarts    uint64               `json:"restarts"`
	Wrong       int                  `json:"wrong"`
	Unanswered  [sample.Outcomes]int `json:"unanswered"`
	Pairs       []pair               `json:"pairs"`

	verdict            string
	upperP99, upperCPU float64 // at the level of the verdict
}

// pair is a slice with the candidate and one without it.
type pair struct {
	On  slice `json:"on"`
	Off slice `json:"off"`
}

// slice is what live requests took in a slice of time, in seconds.
type slice struct {
	Answers int     `json:"answers"`
	P99     float64 `json:"p99"`
	CPU     float64 `json:"cpu"` // of the gateway's own process, for each answer
}

// readKept begins a measurement, or goes on with that of a file.
func readKept(path string) (*kept, error) {
	k := &kept{}
	text, err := os.ReadFile(path)
	switch {
	case path == "" || errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	default:
		if err := json.Unmarshal(text, k); err != nil {
			return nil, fmt.Errorf("%s is no measurement: %w", path, err)
		}
	}
	// All are here from the beginning, in their order: a result keeps its place in memory.
	results := make([]result, len(kinds))
	for i := range kinds {
		results[i].Kind = kinds[i].name
		if r := k.result(kinds[i].name); r != nil {
			results[i] = *r
		}
	}
	k.Results = results
	return k, nil
}

func (k *kept) result(kind string) *result {
	for i := range k.Results {
		if k.Results[i].Kind == kind {
			return &k.Results[i]
		}
	}
	return nil
}

func (k *kept) write(path string) error {
	if path == "" {
		return nil
	}
	text, err := json.MarshalIndent(k, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

// begin notes a run of a gateway's binary.
func (k *kept) begin(binary string) error {
	text, err := exec.Command(binary, "version").Output()
	if err != nil {
		return fmt.Errorf("%s version: %w", binary, err)
	}
	words := strings.Fields(string(text))
	if len(words) < 2 {
		return fmt.Errorf("%s version prints %q", binary, text)
	}
	k.Gateways = append(k.Gateways, words[1])
	return nil
}

func (k *kept) setting(p *plan) string {
	text := fmt.Sprintf("`ranker`, binary, %d rows a request, open loop, Poisson, %.0f requests a second", p.rows, k.Rate)
	if k.Capacity > 0 {
		text += fmt.Sprintf(": half of the %.0f that %d clients in a closed loop got", k.Capacity, capacityClients)
	}
	return text + fmt.Sprintf(", of version %s. Slices of %v, of which the first %v is left out; %g %% of the requests are mirrored.", strings.Join(slices.Compact(slices.Clone(k.Gateways)), ", then "), p.slice, p.settles, 100*p.sample)
}
