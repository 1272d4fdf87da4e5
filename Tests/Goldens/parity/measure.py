"""Runs a program and says how long it took and how much memory it had; compares files of tensors.

A process inherits the peak memory of the one that starts it, so that one has to be small: neither torch nor numpy is
imported here, and files are compared in a process of their own.
"""

import dataclasses
import json
import math
import os
import subprocess
import sys
import time


@dataclasses.dataclass
class Run:
    """How a program ended."""

    seconds: float
    peak_bytes: int
    status: int
    said: str  # on both channels

    def told(self):
        """The last lines of what it said, for a message."""
        return " / ".join(line.strip() for line in self.said.strip().splitlines()[-8:])


def run(command, log):
    """Runs a command to its end; what it says goes to the file `log` first, so that nothing is lost."""
    with open(log, "wb") as file:
        start = time.monotonic()
        process = subprocess.Popen([str(word) for word in command], stdout=file, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Run(seconds, peak, process.returncode, open(log, errors="replace").read())


def relative_errors(found, expected):
    """||found - expected|| / ||expected|| of each tensor of `expected`; nan for one that is missing or has another shape."""
    return json.loads(subprocess.check_output([sys.executable, __file__, found, expected]))


def compute_errors(found, expected):
    import numpy
    from safetensors.numpy import load_file

    found, expected = load_file(found), load_file(expected)
    errors = {}
    for name, reference in sorted(expected.items()):
        tensor = found.get(name)
        if tensor is None or tensor.shape != reference.shape:
            errors[name] = math.nan
            continue
        reference = reference.astype(numpy.float64)
        difference = numpy.linalg.norm((tensor.astype(numpy.float64) - reference).ravel())
        errors[name] = float(difference / numpy.linalg.norm(reference.ravel()))
    return errors


def say(text):
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    print(json.dumps(compute_errors(*sys.argv[1:])))
