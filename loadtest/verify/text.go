package verify

import (
	"bytes"
	"strconv"
	"unsafe"

	"sluice/internal/agree"
)

// sameText compares two JSON texts whose members are in the same order: numbers within the
// tolerance unless both are whole, strings and literals byte for byte, white space ignored. It returns where in
// got they part; -1 if they do not. It allocates nothing.
func sameText(want, got []byte, tolerance agree.Tolerance) (at int) {
	i, k := 0, 0
	for {
		i, k = skipSpace(want, i), skipSpace(got, k)
		if i == len(want) || k == len(got) {
			if i == len(want) && k == len(got) {
				return -1
			}
			return k
		}
		w, g := token(want[i:]), token(got[k:])
		if !bytes.Equal(want[i:i+w], got[k:k+g]) {
			a, ok := number(want[i : i+w])
			b, ok2 := number(got[k : k+g])
			if !ok || !ok2 || integer(want[i:i+w]) && integer(got[k:k+g]) {
				return k
			}
			if tolerance.Excess(b, a) > 1 {
				return k
			}
		}
		i, k = i+w, k+g
	}
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// token is the length of the string, number, word or mark that b begins with.
func token(b []byte) int {
	if b[0] == '"' {
		for i := 1; i < len(b); i++ {
			switch b[i] {
			case '\\':
				i++
			case '"':
				return i + 1
			}
		}
		return len(b)
	}
	n := 0
	for n < len(b) && (b[n] >= '0' && b[n] <= '9' || b[n]|0x20 >= 'a' && b[n]|0x20 <= 'z' || b[n] == '-' || b[n] == '+' || b[n] == '.') {
		n++
	}
	return max(n, 1)
}

// number reads a token as a number; ParseFloat also takes NaN and Infinity, which servers write.
func number(b []byte) (float64, bool) {
	if b[0] != '-' && (b[0] < '0' || b[0] > '9') && b[0] != 'N' && b[0] != 'I' {
		return 0, false
	}
	v, err := strconv.ParseFloat(unsafe.String(unsafe.SliceData(b), len(b)), 64)
	return v, err == nil
}

func integer(b []byte) bool { return !bytes.ContainsAny(b, ".eENI") }
