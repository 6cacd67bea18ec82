"""Runs named checks, prints one line for each, and counts."""

import time

# A server's answer may be a page of text; its first words say what it is.
LONGEST_FAULT = 300


class Checks:
    def __init__(self):
        self.passed = 0
        self.failed = 0

    def run(self, name, check, *arguments):
        """Runs one check; what it returns, if anything, is said beside its name."""
        started = time.monotonic()
        try:
            said = check(*arguments)
        except Exception as fault:  # any fault of a client or of an answer is a failed check
            self._fail(name, fault)
        else:
            self._pass(name, said, started)

    async def run_async(self, name, check, *arguments):
        """As run, for a coroutine function."""
        started = time.monotonic()
        try:
            said = await check(*arguments)
        except Exception as fault:
            self._fail(name, fault)
        else:
            self._pass(name, said, started)

    def _pass(self, name, said, started):
        self.passed += 1
        milliseconds = (time.monotonic() - started) * 1000
        print(f"ok    {name}{f': {said}' if said else ''} ({milliseconds:.0f} ms)", flush=True)

    def _fail(self, name, fault):
        self.failed += 1
        text = " ".join(str(fault).split())
        print(f"FAIL  {name}: {type(fault).__name__}: {text[:LONGEST_FAULT]}", flush=True)


def want(condition, message):
    """Fails the check that calls it, with `message`, unless `condition` holds."""
    if not condition:
        raise AssertionError(message)


def same(what, got, expected):
    """Fails the check that calls it unless `got` equals `expected`."""
    want(got == expected, f"{what} is {got!r}, want {expected!r}")
