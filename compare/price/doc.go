// Package price answers whether a device pays: throughput in, money out. Of two devices it says what a million rows cost
// on each at a load, from which rate on the other one is cheaper, and what would change the verdict.
//
// A load of Q rows/s takes n(Q) = max(r, ceil(Q/(u*T))) replicas of a device, where T is the highest rate at which one replica
// meets the objective, u is the headroom (the share of T that a replica is given) and r is how many replicas there are at
// least. With C for the price of an hour, a million rows cost 1e6 * n(Q) * C / (3600 * Q). Replicas that wait for work are
// billed, so idle time is in it.
//
// The price of an hour is a staircase over the rate, so two devices may change places several times. The rates at which
// they do are found from the steps themselves and not by trying rates. They end: with p = C/(u*T), the price of an hour lies
// between p*Q and p*Q + r*C, so the device with the lower p is the cheaper one at every rate above r*C/(difference of p).
//
// Without a price for both devices the answer is in device-seconds, and says what ratio of prices decides.
//
// Compare is a pure function. The package has no state, and anybody may call it.
package price
