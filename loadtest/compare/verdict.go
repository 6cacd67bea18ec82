package compare

import (
	"fmt"
	"strings"

	"sluice/loadtest/result"
)

// Verdict is the comparison as one sentence: what was shown, or that nothing was and how large
// a difference would have had to be.
func Verdict(ab *result.AB) string {
	var shown, small []string
	said := none
	for _, m := range ab.Metrics {
		figure := fmt.Sprintf("%s %s (95 %% interval %s to %s)", m.Name, change(m.Ratio), change(m.Lo), change(m.Hi))
		switch m.Verdict {
		case none:
		case said:
			shown[len(shown)-1] += ", " + figure
		default:
			said = m.Verdict
			shown = append(shown, m.Verdict+": "+figure)
		}
		small = append(small, fmt.Sprintf("%.2g %% (%s)", 100*m.Detectable, m.Name))
	}
	if f := ab.Failures; f != nil && f.Verdict != none {
		shown = append(shown, fmt.Sprintf("%s: %.2g %% of its requests against %.2g %%", f.Verdict, 100*f.B, 100*f.A))
	}
	switch {
	case len(shown) > 0:
		return strings.Join(shown, "; ")
	case len(small) == 0:
		return "nothing could be compared: there are too few right answers"
	}
	return none + "; the smallest detectable was " + strings.Join(small, ", ")
}

// change of a ratio from 1.
func change(ratio float64) string { return fmt.Sprintf("%+.1f %%", 100*(ratio-1)) }
