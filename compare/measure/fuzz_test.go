package measure

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"testing"

	"sluice/internal/tensor"
)

// FuzzState holds for any bytes that a state which is read can be written, and read again as the same.
func FuzzState(f *testing.F) {
	for i, state := range []string{
		`{"rows":12,"largest":[0,0,0,0,0,0,0,0,0.5,1,2]}`,
		`{"edges":[0.5,1],"counts":[1,2,3],"missing":4}`,
		`{"pairs":[{"primary":"a","candidate":"b","rows":3}],"other":1}`,
		`[{"value":"DE","other":false,"units":3,"mean":0.5,"squares":2},{"value":"","other":true,"units":1,"mean":0,"squares":0}]`,
		`[{"difference":1.5,"id":"a","row":1,"content":"AAEC","size":3}]`,
	} {
		f.Add(uint8(i), []byte(state))
	}
	f.Fuzz(func(t *testing.T, kind uint8, data []byte) {
		type state interface {
			json.Marshaler
			json.Unmarshaler
		}
		empty := func() state {
			switch kind % 5 {
			case 0:
				return &Noise{}
			case 1:
				return &Histogram{}
			case 2:
				return &Pairs{}
			case 3:
				return &Segments{}
			}
			r, err := NewReservoir(3, 3*maxID+30)
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		s := empty()
		if json.Unmarshal(data, s) != nil {
			return
		}
		written, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		again := empty()
		if err := json.Unmarshal(written, again); err != nil {
			t.Fatalf("%s: %v", written, err)
		}
		if rewritten, err := json.Marshal(again); err != nil || !bytes.Equal(written, rewritten) {
			t.Fatalf("%s became %s: %v", written, rewritten, err)
		}
		use(s)
	})
}

// use goes on with a state that was read.
func use(state any) {
	switch s := state.(type) {
	case *Noise:
		s.AddUnit([]float64{0, 1, inf, nan})
		s.Threshold(Tensor)
	case *Histogram:
		s.Add(0.75)
		s.Add(nan)
		_, _ = PSI(s, s)
	case *Pairs:
		s.Add([]byte("a"), []byte("b"))
		s.Top(20)
	case *Segments:
		s.Add([]byte("DE"), 1e300)
		s.Add(make([]byte, maxName+1), -inf)
		s.Report()
	case *Reservoir:
		s.Add(inf, "id", 1, make([]byte, 100))
		for _, row := range s.Rows() {
			if len(row.Content) > 10 || len(row.ID) > maxID {
				panic("a row is larger than its part")
			}
		}
	}
}

func FuzzBloom(f *testing.F) {
	b, err := NewBloom(MinBloomBytes)
	if err != nil {
		f.Fatal(err)
	}
	b.Add(1)
	data, err := b.MarshalBinary()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(data[:len(data)-1])
	f.Add(data[:len(data)-4])
	f.Add([]byte(bloomMark + "\xff\xff\xff\xff\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var b Bloom
		if b.UnmarshalBinary(data) != nil {
			// A checksum keeps the fuzzer from all that is behind it.
			data = binary.LittleEndian.AppendUint32(data, crc32.Checksum(data, castagnoli))
			if b.UnmarshalBinary(data) != nil {
				return
			}
		}
		b.Add(2)
		if b.Add(2) {
			t.Fatal("a unit is new twice")
		}
		if p := b.FalsePositives(); p < 0 || p > 1 {
			t.Fatalf("the chance of a false positive is %v", p)
		}
		if err := b.UnmarshalBinary(data); err != nil {
			t.Fatal(err)
		}
		if again, err := b.MarshalBinary(); err != nil || !bytes.Equal(again, data) {
			t.Fatalf("%d bytes became %d: %v", len(data), len(again), err)
		}
	})
}

// FuzzCompare holds for any bytes of two answers that they are compared or refused, and that shares are in [0,1].
func FuzzCompare(f *testing.F) {
	f.Add(uint8(Ranked), uint8(tensor.FP32), true, int64(2), int64(1), []byte("\x00\x00\x80\x3f\x00\x00\x00\x40"), []byte("\x00\x00\x80\x3f\x00\x00\xc0\x7f"))
	f.Add(uint8(Class), uint8(tensor.Bytes), true, int64(1), int64(2), []byte("\x01\x00\x00\x00a\x00\x00\x00\x00"), []byte("\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Add(uint8(Probability), uint8(tensor.FP16), false, int64(1), int64(1), []byte("\x00\x38"), []byte("\x00\x3c"))
	f.Fuzz(func(t *testing.T, kind, datatype uint8, batchable bool, rows, n int64, primary, candidate []byte) {
		spec := &tensor.Spec{Name: "y", Type: tensor.DataTypes[int(datatype)%len(tensor.DataTypes)], Shape: []int64{-1, n}}
		o := Options{Kind: Kind(kind % uint8(len(kindNames))), Batchable: batchable, Pairs: &Pairs{}}
		c, err := NewComparer(spec, o)
		if err != nil {
			return
		}
		answer := func(data []byte) *tensor.Tensor {
			return &tensor.Tensor{Name: "y", Type: spec.Type, Shape: []int64{rows, n}, Data: data}
		}
		u, err := c.Compare(answer(primary), answer(candidate), o.Kind.Floor())
		if err != nil {
			return
		}
		for i, f := range o.Kind.Figures() {
			if x := u.Values[i]; f.Role == Share && (x < 0 || x > 1) || f.Role == Largest && x < 0 {
				t.Fatalf("%s %s is %v", f.Role, f.Name, x)
			}
		}
		for _, x := range u.Rows {
			if !(x >= 0) {
				t.Fatalf("a row differs by %v", x)
			}
		}
	})
}
