"""Median latency of a server on this machine as its packets tell it, in us:

    tcpdump -i lo -s 80 -j host --time-stamp-precision=nano -w FILE 'tcp port PORT'
    python3 scripts/wire_latency.py FILE PORT

From the last packet of each request to the first of its answer. Whoever sent the requests has no part in it.
"""

import statistics
import struct
import sys

NANOSECONDS = 0xA1B23C4D  # the file's first word
ETHERNET_HEADER = 14  # which loopback packets have, too


def packets(path):
    """Yields the time in ns, the two ports and the length of what each TCP packet carries."""
    with open(path, "rb") as f:
        data = f.read()
    if struct.unpack_from("<I", data)[0] != NANOSECONDS:
        sys.exit(f"{path} is not a capture with nanoseconds")
    at = 24
    while at + 16 <= len(data):
        seconds, nanoseconds, kept, _ = struct.unpack_from("<IIII", data, at)
        at += 16
        if at + kept > len(data):
            return  # the capture was stopped in the middle of it
        ip = at + ETHERNET_HEADER
        tcp = ip + (data[ip] & 15) * 4
        (total,) = struct.unpack_from(">H", data, ip + 2)
        source, destination = struct.unpack_from(">HH", data, tcp)
        carries = total - (tcp - ip) - (data[tcp + 12] >> 4) * 4
        yield seconds * 10**9 + nanoseconds, source, destination, carries
        at += kept


def latencies(path, port):
    asked = {}
    for time, source, destination, carries in packets(path):
        if carries <= 0:
            continue
        if destination == port:
            asked[source] = time
        elif source == port and destination in asked:
            yield time - asked.pop(destination)


found = list(latencies(sys.argv[1], int(sys.argv[2])))
if not found:
    sys.exit(f"{sys.argv[1]} holds no answer from port {sys.argv[2]}")
print(f"{statistics.median(found) / 1000:.1f}")
