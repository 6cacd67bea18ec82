package oip

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"sluice/internal/fault"
	"sluice/internal/jsonscan"
	"sluice/internal/task"
	"sluice/internal/tensor"
)

// TestIntegerRuns reads long lists of integers of all lengths, with and without white
// space, so that the fast and the general way take turns, and compares with strconv.
func TestIntegerRuns(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for _, kind := range tensor.DataTypes {
		size := kind.Size()
		signed := kind >= tensor.Int8 && kind <= tensor.Int64
		if !signed && (kind < tensor.Uint8 || kind > tensor.Uint64) {
			continue
		}
		for range 200 {
			n := 1 + rng.IntN(40)
			var list []string
			want := make([]byte, n*size)
			for i := range n {
				bits := rng.Uint64() >> rng.IntN(64)
				var text string
				if signed {
					v := int64(bits) << (64 - 8*size) >> (64 - 8*size)
					text = strconv.FormatInt(v, 10)
					jsonscan.PutUint(want[i*size:], uint64(v), size)
				} else {
					bits = bits << (64 - 8*size) >> (64 - 8*size)
					text = strconv.FormatUint(bits, 10)
					jsonscan.PutUint(want[i*size:], bits, size)
				}
				list = append(list, strings.Repeat(" ", rng.IntN(3)/2*rng.IntN(3))+text)
			}
			body := fmt.Sprintf(`{"inputs":[{"name":"INPUT0","datatype":"%s","shape":[%d],"data":[%s]}]}`, kind, n, strings.Join(list, ","))
			var r Request
			tk := task.Get()
			if err := r.Decode(identity(kind, 0), "m", []byte(body), -1, nil, tk); err != nil {
				t.Fatalf("%s: %v", body, err)
			}
			if !bytes.Equal(tk.Inputs[0].Data, want) {
				t.Fatalf("%s: got %x, want %x", body, tk.Inputs[0].Data, want)
			}
			tk.Release()
		}
	}
}

// TestRunsRefuse puts what is wrong in the middle of a list that is read in runs.
func TestRunsRefuse(t *testing.T) {
	f := func(kind tensor.DataType, value string, want fault.Kind) {
		t.Helper()
		body := fmt.Sprintf(`{"inputs":[{"name":"INPUT0","datatype":"%s","shape":[1,31],"data":[%s%s%s1]}]}`, kind, strings.Repeat("1,", 15), value, strings.Repeat(",2", 14)+",")
		decodeFault(t, identity(kind, 8), body, -1, want, "")
	}
	for _, kind := range []tensor.DataType{tensor.Int8, tensor.Uint8, tensor.FP32} {
		f(kind, "01", fault.InvalidJSON)
		f(kind, "-", fault.InvalidJSON)
		f(kind, "", fault.InvalidJSON)
		f(kind, "1 1", fault.InvalidJSON)
		f(kind, "--1", fault.InvalidJSON)
		f(kind, "1a", fault.InvalidJSON)
		f(kind, "1.", fault.InvalidJSON)
		f(kind, ".5", fault.InvalidJSON)
		f(kind, "0123456789", fault.InvalidJSON)
		f(kind, "nul", fault.InvalidJSON)
		f(kind, "1e39", fault.ValueOutOfRange)
	}
	f(tensor.Int8, "null", fault.InvalidValue)
	f(tensor.Uint8, "null", fault.InvalidValue)
	f(tensor.Int8, "128", fault.ValueOutOfRange)
	f(tensor.Int8, "-129", fault.ValueOutOfRange)
	f(tensor.Int8, "12345678", fault.ValueOutOfRange)
	f(tensor.Int8, "1.0", fault.ValueOutOfRange)
	f(tensor.Uint8, "256", fault.ValueOutOfRange)
	f(tensor.Uint8, "-1", fault.ValueOutOfRange)
	f(tensor.FP32, "3402823500000000000000000000000000000000", fault.ValueOutOfRange)
	f(tensor.FP32, "00.5", fault.InvalidJSON)
	f(tensor.FP32, "0.5.5", fault.InvalidJSON)
	f(tensor.FP32, "-0x1", fault.InvalidJSON)
}
