package price_test

import (
	"fmt"
	"math"

	"sluice/compare/price"
)

// Two devices were measured at the objective; a file has their prices. Does the GPU pay at 900 rows/s?
func Example() {
	prices, err := price.ParsePrices("prices.yaml", []byte(`
currency: USD
headroom: 0.6
replicas: 2
devices: {cpu: {per_hour: 0.357}, "cuda:0": {per_hour: 0.805}}
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	report, err := price.Compare(prices.Fleet, price.Steady(900), prices.Device("cpu", 400), prices.Device("cuda:0", 4000))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(report.Verdict.Text) // price.Text prints all of it
	for _, c := range report.Changes {
		fmt.Println("unless", c.What, c.Device, c.Is, math.Round(1e4*c.To)/1e4)
	}
	fmt.Println("they break even at", report.BreakEven, "rows/s")
	// Output:
	// At 900 rows/s cpu is cheaper: a million rows cost 0.44 USD on it (4 replicas, 44 % idle) and 0.50 USD on cuda:0 (2 replicas, 89 % idle), so it saves 4.37 USD a day.
	// unless throughput cpu < 375
	// unless load  > 960
	// unless price cpu > 0.4025
	// unless price cuda:0 < 0.714
	// they break even at [960] rows/s
}
