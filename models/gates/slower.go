package gates

import (
	"fmt"
	"slices"

	"sluice/internal/units"
)

// cpu is the device that every machine has.
const cpu = "cpu"

// NoteSlower sets Slower from what was measured: a batch of the target size and one of the largest size both take longer
// on the preferred device than on the CPU. A batch there is compared with one batch here, though the CPU may run
// several at once: what is told must be beyond doubt.
func (r *Report) NoteSlower() {
	r.Slower = ""
	placed := func(d DeviceReport) bool { return d.State == Placed }
	first := slices.IndexFunc(r.Devices, placed)
	last := slices.IndexFunc(r.Devices, func(d DeviceReport) bool { return placed(d) && d.Device == cpu })
	if first < 0 || last <= first {
		return
	}
	p, c := &r.Devices[first], &r.Devices[last]
	if !p.Measured || !c.Measured || len(p.Curve) == 0 || len(c.Curve) == 0 {
		return
	}
	target, most := max(p.Target, 1), min(p.Curve[len(p.Curve)-1].Rows, c.Curve[len(c.Curve)-1].Rows)
	for _, rows := range []int{min(target, most), most} {
		if p.Curve.At(rows) <= c.Curve.At(rows) {
			return
		}
	}
	r.Slower = fmt.Sprintf("a batch of %s takes %v on %s and %v on %s; name %s first in devices, or see whether it pays with sluice compare --devices %s,%s",
		units.Count(most, "row"), units.Round(p.Curve.At(most)), p.Device, units.Round(c.Curve.At(most)), cpu, cpu, p.Device, cpu)
}
