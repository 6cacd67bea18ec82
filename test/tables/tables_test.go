package tables

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice/internal/clock"
	"sluice/internal/origin"
	"sluice/internal/tensor"
	"sluice/predlog"
	"sluice/predlog/query"
	"sluice/predlog/table"
)

// values are elements of a datatype, with the ends of its range.
func values(kind tensor.DataType) (data []byte, n int64) {
	if kind == tensor.Bytes {
		for _, s := range []string{"", "plain", "\x00\xff no text", strings.Repeat("long", 1000), "grüße"} {
			data, n = tensor.AppendBytes(data, s), n+1
		}
		return data, n
	}
	var all []uint64
	switch kind {
	case tensor.Bool:
		all = []uint64{0, 1}
	case tensor.FP16:
		all = []uint64{0, 0x3c00, 0xbc00, 0x7bff, 0x0001, 0x7c00, 0xfc00, 0x7e00}
	case tensor.BF16:
		all = []uint64{0, 0x3f80, 0xbf80, 0x7f7f, 0x0001, 0x7f80, 0xff80, 0x7fc0}
	case tensor.FP32:
		for _, v := range []float64{0, 1.5, -math.MaxFloat32, math.SmallestNonzeroFloat32, math.Inf(1), math.Inf(-1), math.NaN()} {
			all = append(all, uint64(math.Float32bits(float32(v))))
		}
	case tensor.FP64:
		for _, v := range []float64{0, 1.5, -math.MaxFloat64, math.SmallestNonzeroFloat64, math.Inf(1), math.Inf(-1), math.NaN()} {
			all = append(all, math.Float64bits(v))
		}
	default:
		all = []uint64{0, 1, math.MaxUint64, 1 << (8*kind.Size() - 1), 1<<(8*kind.Size()-1) - 1}
	}
	for _, v := range all {
		data = append(data, binary.LittleEndian.AppendUint64(nil, v)[:kind.Size()]...)
	}
	return data, int64(len(all))
}

// expected is a row as check.py is told it.
type expected struct {
	ID         string   `json:"id"`
	TimeUS     int64    `json:"time_us"`
	Model      string   `json:"model"`
	Version    string   `json:"version"`
	Digest     string   `json:"digest"`
	UnitHash   *uint64  `json:"unit_hash"`
	Exposure   *string  `json:"exposure"`
	Role       *string  `json:"role"`
	Device     string   `json:"device"`
	Reason     string   `json:"reason"`
	Batch      int32    `json:"batch"`
	Rows       int32    `json:"rows"`
	Status     string   `json:"status"`
	Late       bool     `json:"late"`
	BudgetNS   int64    `json:"budget_ns"`
	DecodeNS   int64    `json:"decode_ns"`
	QueueNS    int64    `json:"queue_ns"`
	InputNS    int64    `json:"input_ns"`
	RunNS      int64    `json:"run_ns"`
	OutputNS   int64    `json:"output_ns"`
	EncodeNS   int64    `json:"encode_ns"`
	TotalNS    int64    `json:"total_ns"`
	Weight     float64  `json:"weight"`
	KeptFor    string   `json:"kept_for"`
	Tensors    string   `json:"tensors"`
	Replayable bool     `json:"replayable"`
	Inputs     []sample `json:"inputs"`
	Outputs    []sample `json:"outputs"`
	Features   []filled `json:"features"`
}

// filled is where the values of a filled input come from.
type filled struct {
	Input    string   `json:"input"`
	Feature  string   `json:"feature"`
	Statuses []string `json:"statuses"`
	AgesMS   []*int64 `json:"ages_ms"`
}

type sample struct {
	Name     string  `json:"name"`
	Datatype string  `json:"datatype"`
	Shape    []int64 `json:"shape"`
	Raw      []byte  `json:"raw"`
}

func samples(list []tensor.Tensor) []sample {
	all := []sample{}
	for _, t := range list {
		all = append(all, sample{t.Name, t.Type.String(), append([]int64{}, t.Shape...), append([]byte{}, t.Data...)})
	}
	return all
}

// record makes request i of the log: its inputs have every datatype in turn.
func record(i int) *predlog.Record {
	kind := tensor.DataTypes[i%len(tensor.DataTypes)]
	data, n := values(kind)
	whole := tensor.Tensor{Name: "x", Type: kind, Shape: []int64{n}, Data: data}
	r := &predlog.Record{
		ID: fmt.Appendf(nil, "request-%05d", i), Arrived: clock.Now(), Model: fmt.Sprint("model ", i%3), Version: "7", Digest: "0af7", Device: "cuda:0", Reason: "spill",
		Batch: 64, Rows: i, Status: predlog.OK, Late: i%2 == 0, Budget: 1, Decode: 2, Queue: 3, Input: 4, Run: 5, Output: 6, Encode: 7, Total: time.Hour,
		Schema: &tensor.Schema{Inputs: []tensor.Spec{{Name: "x", Type: kind}, {Name: "scalar", Type: tensor.Int8}}, Outputs: []tensor.Spec{{Name: "x", Type: kind}, {Name: "none", Type: kind}}},
		Inputs: []tensor.Tensor{whole, {Name: "scalar", Type: tensor.Int8, Shape: []int64{}, Data: []byte{200}}},
		// An output without elements, of several axes.
		Outputs: []tensor.Tensor{whole, {Name: "none", Type: kind, Shape: []int64{0, 3, 2}}},
	}
	if i%10 == 9 {
		r.Status, r.Inputs, r.Outputs = "OVERLOADED", nil, nil
	} else if i%4 == 0 {
		fill(r)
	}
	return r
}

// fill says that an input of two rows was filled: from the cache, and with a default.
func fill(r *predlog.Record) {
	r.Columns, r.Trail = []origin.Column{{Input: "x", Name: "u:a"}}, &origin.Trail{}
	r.Trail.Begin(r.Columns, 1, 2)
	r.Trail.Row(0)[0], r.Trail.Row(1)[0] = origin.Cached, origin.Missing
	r.Trail.Ages(0)[0] = 5 * time.Millisecond
}

// features is what the file has of that.
func features(r *predlog.Record) []filled {
	if r.Trail == nil {
		return []filled{}
	}
	age := int64(5)
	return []filled{{"x", "u:a", []string{"cached", "missing"}, []*int64{&age, nil}}}
}

// writeLog writes two files, of which one is the longer, and returns what is in them.
func writeLog(t *testing.T, dir string) (all []expected) {
	t.Helper()
	for _, part := range [][2]int{{0, 14}, {14, 3000}} {
		w, err := predlog.Start(predlog.Options{Dir: dir, Sample: 1, Index: true})
		if err != nil {
			t.Fatal(err)
		}
		for i := part[0]; i < part[1]; i++ {
			r := record(i)
			w.Take(r)
			all = append(all, expected{
				ID: string(r.ID), Model: r.Model, Version: r.Version, Digest: r.Digest, Device: r.Device, Reason: r.Reason, Batch: 64, Rows: int32(i), Status: r.Status,
				Late: r.Late, BudgetNS: 1, DecodeNS: 2, QueueNS: 3, InputNS: 4, RunNS: 5, OutputNS: 6, EncodeNS: 7, TotalNS: int64(time.Hour), Weight: 1, Tensors: table.TensorsKept,
				Replayable: r.Inputs != nil, Inputs: samples(r.Inputs), Outputs: samples(r.Outputs), Features: features(r),
			})
		}
		if err := w.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// The files are what was recorded, as DuckDB and pandas read them.
func TestReaders(t *testing.T) {
	python := os.Getenv("SLUICE_TABLES_PYTHON")
	if python == "" {
		t.Skip("DuckDB and pandas are not here: run scripts/tables.sh")
	}
	dir := t.TempDir()
	all := writeLog(t, dir)
	times := map[string]int64{}
	files, err := filepath.Glob(filepath.Join(dir, "*.parquet"))
	if err != nil || len(files) != 2 {
		t.Fatalf("%q, %v", files, err)
	}
	for _, path := range files {
		in, err := table.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		read := in.Rows(func(r *table.Row) error {
			times[r.ID] = r.Time.UnixMicro() // of the wall clock: that it is near now is tested elsewhere
			return nil
		})
		out, err := os.Create(strings.TrimSuffix(path, ".parquet") + ".flat.parquet")
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(read, in.Close(), query.Flatten(path, out), out.Close()); err != nil {
			t.Fatal(err)
		}
	}
	for i := range all {
		all[i].TimeUS = times[all[i].ID]
	}
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "expected.json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(python, "check.py", dir).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}
