package payload

import (
	"encoding/binary"
	"math"
	"math/rand/v2"

	"sluice/internal/tensor"
)

// mood is what a variant's floats are like.
type mood uint8

const (
	normal mood = iota
	zeros
	denormals
	large
)

// specialVariants is from how many variants on the last three are special.
const specialVariants = 8

// specials are the last variants' moods, the last one first.
var specials = [...]mood{large, denormals, zeros}

func moodOf(variant, variants int) mood {
	if at := variants - 1 - variant; variants >= specialVariants && at < len(specials) {
		return specials[at]
	}
	return normal
}

// draw is a source of values.
type draw struct {
	rng   *rand.Rand
	wide  bool
	bound *Range
	mood  mood
}

// fill draws the data of a tensor.
func (d *draw) fill(kind tensor.DataType, elements int) []byte {
	data := make([]byte, 0, elements*elementBytes(kind))
	for range elements {
		switch {
		case kind == tensor.Bool:
			data = append(data, byte(d.rng.IntN(2)))
		case kind == tensor.Bytes:
			data = tensor.AppendBytes(data, d.text())
		case !kind.Float():
			data = d.integer(data, kind)
		case d.wide:
			data = d.wideFloat(data, kind)
		default:
			data = tensor.AppendFloat(data, kind, d.float(kind))
		}
	}
	return data
}

func (d *draw) float(kind tensor.DataType) float64 {
	if d.bound != nil {
		return d.bound.Low + d.rng.Float64()*(d.bound.High-d.bound.Low)
	}
	switch d.mood {
	case zeros:
		return 0
	case denormals:
		return d.sign() * extremes[kind].smallest * float64(1+d.rng.IntN(100))
	case large:
		return d.sign() * 1000
	}
	return d.rng.NormFloat64()
}

func (d *draw) sign() float64 { return float64(1 - 2*d.rng.IntN(2)) }

// extremes are the least denormal and the largest value of each type.
var extremes = map[tensor.DataType]struct{ smallest, largest float64 }{
	tensor.FP64: {math.SmallestNonzeroFloat64, math.MaxFloat64},
	tensor.FP32: {math.SmallestNonzeroFloat32, math.MaxFloat32},
	tensor.FP16: {0x1p-24, 65504},
	tensor.BF16: {0x1p-133, 0x1.fep127},
}

// wideFloat appends any finite float, one in 16 of those that programs trip over.
func (d *draw) wideFloat(dst []byte, kind tensor.DataType) []byte {
	if d.rng.IntN(16) == 0 {
		e := extremes[kind]
		odd := [...]float64{0, math.Copysign(0, -1), e.smallest, -e.smallest, e.largest, -e.largest}
		return tensor.AppendFloat(dst, kind, odd[d.rng.IntN(len(odd))])
	}
	for {
		data := binary.LittleEndian.AppendUint64(nil, d.rng.Uint64())[:kind.Size()]
		if v := tensor.FloatAt(kind, data, 0); !math.IsNaN(v) && !math.IsInf(v, 0) {
			return append(dst, data...)
		}
	}
}

func (d *draw) integer(dst []byte, kind tensor.DataType) []byte {
	bits := d.rng.Uint64()
	if !d.wide {
		low, high := int64(0), int64(9)
		if d.bound != nil {
			low, high = int64(math.Ceil(d.bound.Low)), int64(math.Floor(d.bound.High))
		}
		bits = uint64(low + d.rng.Int64N(high-low+1))
	}
	// The low bytes of the 64-bit form are the shorter forms, signed or not.
	return append(dst, binary.LittleEndian.AppendUint64(nil, bits)[:kind.Size()]...)
}

func (d *draw) text() string {
	const letters = "abcdefghijklmnopqrstuvwxyz"
	least, set := 1, []rune(letters)
	if d.wide {
		least, set = 0, []rune(letters+"\x00\n\"\\ éß漢😀")
	}
	word := make([]rune, least+d.rng.IntN(13-least))
	for i := range word {
		word[i] = set[d.rng.IntN(len(set))]
	}
	return string(word)
}

// checkRange holds that an input can be drawn from the range.
func checkRange(spec *tensor.Spec, bound *Range) error {
	if bound == nil || spec.Type == tensor.Bool || spec.Type == tensor.Bytes {
		return nil
	}
	if spec.Type.Float() {
		if most := extremes[spec.Type].largest; bound.Low < -most || bound.High > most {
			return usagef("range %v..%v: input %q is %s, which ends at %v", bound.Low, bound.High, spec.Name, spec.Type, most)
		}
		return nil
	}
	low, high := tensor.IntegerRange(spec.Type)
	// Beyond 2^53 a float bound no longer says which integer is meant.
	low, high = max(low, -1<<53), min(high, 1<<53)
	if bound.Low < low || bound.High > high || math.Ceil(bound.Low) > math.Floor(bound.High) {
		return usagef("range %v..%v: input %q is %s and takes whole numbers from %.0f to %.0f; \"random:wide\" draws all that the type holds", bound.Low, bound.High, spec.Name, spec.Type, low, high)
	}
	return nil
}
