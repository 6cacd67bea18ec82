package query

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"sluice/predlog/table"
)

// write writes rows as a file of the log.
func write(t *testing.T, rows ...table.Row) string {
	t.Helper()
	var out bytes.Buffer
	w := table.NewWriter(&out)
	if err := errors.Join(w.Write(rows), w.Close(nil)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "predictions-20260101T000000.000000000Z.parquet")
	if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// columnsIn reads a flattened file: each column as a text of its rows' values.
func columnsIn(t *testing.T, file []byte) (names []string, values map[string][]string) {
	t.Helper()
	f, err := parquet.OpenFile(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	values = map[string][]string{}
	rows := f.RowGroups()[0].Rows()
	defer func() {
		if err := rows.Close(); err != nil {
			t.Error(err)
		}
	}()
	for buffer := make([]parquet.Row, 1); ; {
		n, err := rows.ReadRows(buffer)
		if n == 1 {
			buffer[0].Range(func(at int, list []parquet.Value) bool {
				name := f.Schema().Columns()[at][0]
				text := fmt.Sprint(list)
				if len(list) == 1 && list[0].IsNull() {
					text = []string{"null", "[]", "[null]"}[list[0].DefinitionLevel()]
				}
				values[name] = append(values[name], text)
				return true
			})
		}
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	for _, field := range f.Schema().Fields() {
		names = append(names, field.Name())
	}
	return names, values
}

func TestFlatten(t *testing.T) {
	one := func(name, datatype string, shape []int64, raw ...byte) table.Tensor {
		return table.Tensor{Name: name, Datatype: datatype, Shape: shape, Raw: raw}
	}
	hash, exposure, role := uint64(1<<63+1), "bucket=809;share=0.1", "canary"
	path := write(
		t,
		table.Row{
			ID: "a", Model: "m", Weight: 20, UnitHash: &hash, Exposure: &exposure, Role: &role,
			Inputs: []table.Tensor{
				one("x", "FP32", []int64{2}, 0, 0, 128, 63, 0, 0, 0, 192), one("s", "BYTES", []int64{2}, 1, 0, 0, 0, 'u', 0, 0, 0, 0),
				one("card", table.HashType, []int64{1, 32}, bytes.Repeat([]byte{'h'}, 32)...),
			},
			Outputs:  []table.Tensor{one("x", "INT16", []int64{1, 1}, 254, 255), one("b", "BOOL", []int64{2}, 1, 0)},
			Features: []table.Feature{{Input: "x", Name: "u:a", Statuses: []string{"cached", "missing"}, AgesMS: []int64{7, 0}}},
		},
		table.Row{ID: "b", Model: "m", Inputs: []table.Tensor{one("x", "FP64", []int64{1}, 0, 0, 0, 0, 0, 0, 4, 64), one("u", "UINT64", []int64{1}, 255, 255, 255, 255, 255, 255, 255, 255)}},
		table.Row{ID: "c", Outputs: []table.Tensor{one("b", "BOOL", []int64{0})}},
		table.Row{ID: "d", Inputs: []table.Tensor{one("h", "FP16", []int64{1}, 0, 60)}},
	)
	var out bytes.Buffer
	if err := Flatten(path, &out); err != nil {
		t.Fatal(err)
	}
	names, got := columnsIn(t, out.Bytes())
	f := func(name string, want ...string) {
		t.Helper()
		if !slices.Equal(got[name], want) {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	f("id", "[a]", "[b]", "[c]", "[d]")
	f("weight", "[20]", "[0]", "[0]", "[0]")
	f("unit_hash", "[-9223372036854775807]", "null", "null", "null") // its bits, as in.u
	f("exposure", "[bucket=809;share=0.1]", "null", "null", "null")
	f("role", "[canary]", "null", "null", "null")
	f("in.x.FP32", "[1 -2]", "null", "null", "null")
	f("in.x.FP64", "null", "[2.5]", "null", "null")
	f("in.x.FP32.shape", "[2]", "null", "null", "null")
	f("in.s", "[u ]", "null", "null", "null")
	f("in.card", "["+strings.Repeat("h", 32)+"]", "null", "null", "null")
	f("in.u", "null", "[-1]", "null", "null") // its bits: that they are unsigned stands in the schema
	f("in.h", "null", "null", "null", "[1]")
	f("in.x.u:a.status", "[cached missing]", "null", "null", "null")
	f("in.x.u:a.age_ms", "[7 <null>]", "null", "null", "null")
	f("out.x", "[-2]", "null", "null", "null")
	f("out.x.shape", "[1 1]", "null", "null", "null")
	f("out.b", "[true false]", "null", "[]", "null")
	f("out.b.shape", "[2]", "null", "[0]", "null")
	if want := 15 + 2*8 + 2; len(names) != want {
		t.Errorf("%d columns, want %d: %q", len(names), want, names)
	}
}

func TestFlattenRefuses(t *testing.T) {
	f := func(raw table.Tensor) {
		t.Helper()
		if err := Flatten(write(t, table.Row{ID: "a", Inputs: []table.Tensor{raw}}), io.Discard); err == nil || !strings.Contains(err.Error(), "request a") {
			t.Errorf("%+v: %v", raw, err)
		}
	}
	f(table.Tensor{Name: "x", Datatype: "FP32", Raw: []byte{1, 2, 3}})
	f(table.Tensor{Name: "x", Datatype: "BYTES", Raw: []byte{9, 0, 0, 0, 1}})
	f(table.Tensor{Name: "x", Datatype: "COMPLEX", Raw: []byte{1}})
}

// Two tensors that would share a column are refused: one of them would be read as the other.
func TestFlattenRefusesColumnsOfOneName(t *testing.T) {
	one := func(name, datatype string) table.Tensor {
		return table.Tensor{Name: name, Datatype: datatype, Shape: []int64{1}, Raw: []byte{1, 0, 0, 0}}
	}
	f := func(column string, tensors ...table.Tensor) {
		t.Helper()
		path := write(t, table.Row{ID: "a", Rows: 1, Tensors: table.TensorsKept, Inputs: tensors})
		_, joined := Join(path, labels(t, clicks{ID: "a"}), "", io.Discard)
		for _, err := range []error{Flatten(path, io.Discard), joined} {
			if err == nil || !strings.Contains(err.Error(), `two tensors would have the column "`+column+`"`) {
				t.Errorf("%v; want one about %s", err, column)
			}
		}
	}
	f("in.x.shape", one("x", "INT32"), one("x.shape", "INT32"))
	f("in.x.INT32", one("x", "INT32"), one("x", "UINT32"), one("x.INT32", "INT32"))
}

// The elements of every datatype are read as package tensor means them.
func TestIntegerAt(t *testing.T) {
	f := func(datatype string, raw []byte, want int64) {
		t.Helper()
		var v table.FlatValue
		if err := fill(&v, &table.Tensor{Datatype: datatype, Raw: raw}); err != nil || !reflect.DeepEqual(v.Ints, []int64{want}) {
			t.Errorf("%s %v: %v, %v; want %d", datatype, raw, v.Ints, err, want)
		}
	}
	f("INT8", []byte{0x80}, -128)
	f("UINT8", []byte{0x80}, 128)
	f("INT16", []byte{0, 0x80}, -32768)
	f("UINT16", []byte{0, 0x80}, 32768)
	f("INT32", []byte{0, 0, 0, 0x80}, -1<<31)
	f("UINT32", []byte{0, 0, 0, 0x80}, 1<<31)
	f("INT64", []byte{255, 255, 255, 255, 255, 255, 255, 255}, -1)
	f("BOOL", []byte{1}, 1)
}
