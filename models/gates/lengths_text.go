package gates

import (
	"fmt"
	"math/bits"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"sluice/internal/units"
	"sluice/models/bundle"
)

// plainKey is a key that YAML takes without quotes.
var plainKey = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]*$`)

// lengthsLine is the line of model.yaml that sets the largest lengths to what they are; axes that
// share a product get equal parts of it.
func lengthsLine(axes []bundle.LengthReport, product int64) string {
	even := int64(0)
	if product > 0 {
		even = 1 << ((bits.Len64(uint64(product)) - 1) / len(axes))
	}
	var parts []string
	for _, a := range axes {
		n := a.Most
		if even > 0 && a.Basis != bundle.LengthAsked {
			n = min(n, even)
		}
		name := a.Axis
		if !plainKey.MatchString(name) {
			name = strconv.Quote(name)
		}
		parts = append(parts, name+": "+strconv.FormatInt(n, 10))
	}
	return "max_length: {" + strings.Join(parts, ", ") + "}"
}

// lengthsText says the line, and beside it what it rests on.
func (r *Report) lengthsText() string {
	if len(r.MaxLength) == 0 {
		return ""
	}
	text := lengthsLine(r.MaxLength, r.MaxProduct) + "  # "
	switch {
	case !slices.ContainsFunc(r.MaxLength, func(a bundle.LengthReport) bool { return a.Basis != bundle.LengthAsked }):
		text += "as model.yaml has it"
	case r.RowMemory == 0:
		text += "assumed: no request is known that the model takes, which would show what a row needs; set it, or give golden rows"
	case r.MaxProduct > 0:
		var each []string
		for _, a := range r.MaxLength {
			each = append(each, fmt.Sprintf("%s up to %d", a.Axis, a.Most))
		}
		text += fmt.Sprintf("measured: %s, multiplied up to %d", strings.Join(each, ", "), r.MaxProduct)
	default:
		text += "measured"
	}
	if r.RowMemory == 0 {
		return text
	}
	return text + fmt.Sprintf("; the longest row takes about %s of the %s that a run may take", units.Bytes(r.RowMemory), units.Bytes(r.RunMemory))
}

// LengthNotes tells the largest lengths in the model's configuration: max_length as AXIS=LENGTH with
// commas between, max_length_product if they are bounded together, and what each rests on.
func (r *Report) LengthNotes() map[string]string {
	var lengths, bases []string
	for _, a := range r.MaxLength {
		lengths, bases = append(lengths, fmt.Sprintf("%s=%d", a.Axis, a.Most)), append(bases, fmt.Sprintf("%s=%s", a.Axis, a.Basis))
	}
	if len(lengths) == 0 {
		return nil
	}
	notes := map[string]string{"max_length": strings.Join(lengths, ","), "max_length_basis": strings.Join(bases, ",")}
	if r.MaxProduct > 0 {
		notes["max_length_product"] = strconv.FormatInt(r.MaxProduct, 10)
	}
	return notes
}

// lengthsBrief continues the verdict on the schema.
func (r *Report) lengthsBrief() string {
	var parts []string
	for _, a := range r.MaxLength {
		part := fmt.Sprintf("%s up to %d", a.Axis, a.Most)
		if a.Basis == bundle.LengthAssumed {
			part += " (assumed)"
		}
		parts = append(parts, part)
	}
	if len(parts) == 0 {
		return ""
	}
	return "; " + strings.Join(parts, ", ")
}
