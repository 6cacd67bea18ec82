package predlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"sluice/internal/unit"
	"sluice/predlog/table"
)

// errShort is what a payload that ends early is refused with.
var errShort = errors.New("it ends in the middle of a field")

// decoder reads a payload's fields in order. After the first fault all that it reads is zero.
type decoder struct {
	rest []byte
	err  error
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 {
		d.fail(errShort)
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.rest)
	if n <= 0 {
		d.fail(errShort)
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *decoder) bytes() []byte {
	n := d.uvarint()
	if n > uint64(len(d.rest)) {
		d.fail(errShort)
		return nil
	}
	b := d.rest[:n:n]
	d.rest = d.rest[n:]
	return b
}

func (d *decoder) string() string { return string(d.bytes()) }

func (d *decoder) float() float64 {
	if len(d.rest) < 8 {
		d.fail(errShort)
		return 0
	}
	v := math.Float64frombits(binary.LittleEndian.Uint64(d.rest))
	d.rest = d.rest[8:]
	return v
}

func (d *decoder) uint64() uint64 { return math.Float64bits(d.float()) }

func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
	d.rest = nil
}

// count reads how many follow, of which each takes so many bytes at least.
func (d *decoder) count(least int) int {
	n := d.uvarint()
	if n > uint64(len(d.rest)/least) {
		d.fail(fmt.Errorf("it announces %d of what its %d bytes cannot hold", n, len(d.rest)))
		return 0
	}
	return int(n)
}

// decodeRecord reads what appendRecord has written behind its first byte, which is frame: that of this program or of an older
// one. The row's tensors are views of the payload.
func decodeRecord(frame byte, payload []byte, r *table.Row) error {
	d := decoder{rest: payload}
	*r = table.Row{ID: d.string(), Time: time.Unix(0, d.varint()).UTC()}
	for _, s := range [...]*string{&r.Model, &r.Version, &r.Digest, &r.Device, &r.Reason, &r.Status, &r.KeptFor, &r.Tensors} {
		*s = d.string()
	}
	if frame != oldestFrame {
		if role := d.string(); role != "" {
			r.Role = &role
		}
	}
	flags := d.uvarint()
	if frame != oldestFrame {
		u := Unit{Known: flags&unitFlag != 0, Share: int(min(d.uvarint(), unit.Buckets))} //nolint:gosec // bounded
		u.Hash = d.uint64()
		u.fill(r)
	}
	r.Late, r.Replayable = flags&lateFlag != 0, flags&replayableFlag != 0
	r.Weight = d.float()
	for _, n := range [...]*int32{&r.Batch, &r.Rows} {
		*n = int32(min(max(d.varint(), 0), math.MaxInt32))
	}
	for _, n := range [...]*int64{&r.BudgetNS, &r.DecodeNS, &r.QueueNS, &r.InputNS, &r.RunNS, &r.OutputNS, &r.EncodeNS, &r.TotalNS} {
		*n = d.varint()
	}
	r.Inputs, r.Outputs = d.tensors(), d.tensors()
	if frame == recordFrame {
		r.Features = d.features()
	}
	if d.err == nil && len(d.rest) > 0 {
		d.fail(fmt.Errorf("%d bytes follow its last field", len(d.rest)))
	}
	return d.err
}

// fill writes the columns of a unit and of a split.
func (u Unit) fill(r *table.Row) {
	bucket := -1
	if u.Known {
		r.UnitHash, bucket = &u.Hash, unit.Bucket(u.Hash)
	}
	if u.Share > 0 {
		exposure := string(unit.AppendExposure(nil, bucket, u.Share))
		r.Exposure = &exposure
	}
}

// leastTensor is what a tensor takes at least: four empty fields.
const leastTensor = 4

func (d *decoder) tensors() []table.Tensor {
	n := d.count(leastTensor)
	if n == 0 {
		return nil
	}
	list := make([]table.Tensor, n)
	for i := range list {
		t := &list[i]
		t.Name, t.Datatype = d.string(), d.string()
		t.Shape = make([]int64, d.count(1))
		for k := range t.Shape {
			t.Shape[k] = d.varint()
		}
		t.Raw = d.bytes()
	}
	return list
}

// Numbers are what a writer has counted, for all its life or since a spool began.
type Numbers struct {
	// Requests is every request, Seen those chosen by some rule, Kinds those of each kind.
	Requests, Seen uint64
	Kinds          [NumKinds]uint64
	Dropped        [NumReasons]uint64
}

// fields visits each number with its name, always in the same order.
func (n *Numbers) fields(visit func(name string, v *uint64)) {
	visit("requests", &n.Requests)
	visit("seen", &n.Seen)
	for k := range NumKinds {
		visit("kind."+k.String(), &n.Kinds[k])
	}
	for r := range NumReasons {
		visit("dropped."+r.String(), &n.Dropped[r])
	}
}

// since is what was counted after an earlier time.
func (n Numbers) since(before Numbers) Numbers {
	var old []uint64
	before.fields(func(_ string, v *uint64) { old = append(old, *v) })
	i := 0
	n.fields(func(_ string, v *uint64) {
		*v -= old[i]
		i++
	})
	return n
}

// table is the numbers as they stand in a file.
func (n Numbers) table() table.Numbers {
	t := table.Numbers{}
	n.fields(func(name string, v *uint64) { t[name] = *v })
	return t
}

// appendNumbers appends a payload of numbers: each with its name, so that kinds may be added.
func appendNumbers(b []byte, n Numbers) []byte {
	b = append(b, numbersFrame)
	n.fields(func(name string, v *uint64) {
		b = binary.AppendUvarint(appendString(b, name), *v)
	})
	return b
}

// decodeNumbers reads them. Names that it does not know are passed over.
func decodeNumbers(payload []byte) (n Numbers, err error) {
	d := decoder{rest: payload}
	known := map[string]*uint64{}
	n.fields(func(name string, v *uint64) { known[name] = v })
	for d.err == nil && len(d.rest) > 0 {
		name, v := d.string(), d.uvarint()
		if into := known[name]; into != nil && d.err == nil {
			*into = v
		}
	}
	return n, d.err
}
