package main

// promises are the rows of the table.
var promises = []promise{
	{"P1", "SIGTERM loses no accepted request", "20 SIGTERMs at random moments behind a balancer that honours readiness, and 10 alone with 64 keep-alive clients", (*trial).termination},
	{"P2", "a reload loses nothing and mixes nothing", "a version with other answers every 2 s for a minute under load, one in five damaged", (*trial).reloads},
	{"P3", "one answer for each accepted request", "for a minute: a device killed, stopped and failing in turns, reloads, bad requests, clients that leave; the client's ledger against the server's counters", (*trial).chaos},
	{"P4", "a hung GPU blocks no CPU answer", "the GPU's process stops under load; then SIGTERM while it hangs", (*trial).hang},
	{"P5", "GPU errors cost latency, not answers", "runs that fail, lack of memory, lost shared memory, a killed worker, three times each", (*trial).deviceErrors},
	{"P6", "overload is refused fast and goodput holds", "1, 2, 5 and 10 times capacity, 10 s each, beside a control that burns the same", (*trial).overload},
	{"P7", "no metastable state", "5 times capacity for 10 s by clients that ask three times, then 0.6", (*trial).metastable},
	{"P8", "a bad request never touches its batch mates", "1, 10 and 50 % of bad requests of 12 kinds among good ones", (*trial).badMates},
	{"P9", "poison rows stay alone", "one request in five has NaN, infinity, 1e30 or denormals", (*trial).poison},
	{"P10", "a failing batch is no failing crowd", "one row in twenty makes its batch fail", (*trial).failingBatch},
	{"P11", "slow clients cost nothing", "2,000 connections that send a byte a second or never read", (*trial).slowClients},
	{"P12", "memory has a ceiling", "a container of 512 MiB: announced bodies, chunked uploads, large answers that nobody reads, overload, reloads", (*trial).memoryCeiling},
	{"P13", "deadlines mean something", "budgets of 2 to 50 ms at 1.5 times capacity", (*trial).deadlines},
	{"P14", "clients that left cost at most the running batch", "3 times capacity, half of the clients leave after 2 ms", (*trial).leavers},
	{"P15", "health stays alive", "10 probes a second during P4, P6, P11 and P12", (*trial).health},
	{"P16", "a crash is short", "5 SIGKILLs under load, with a supervisor", (*trial).crashes},
	{"P17", "a tampered model is not served", "a byte flipped in each file of a pinned bundle, links, devices in place of files", (*trial).tampered},
	{"P18", "no leaks", "a minute of everything: descriptors, threads, goroutines, memory before and after", (*trial).leaks},
	{"P19", "trouble of the host stays there", "a full disk, a log that nobody reads or that is gone, 256 descriptors", (*trial).hostTrouble},
	{"P20", "the admin port is closed", "all routes of all ports with no token, a bad one, an Origin and a foreign Host", (*trial).adminClosed},
}
