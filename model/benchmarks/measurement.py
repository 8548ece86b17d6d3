"""One process: how long it ran, the most memory it held, and what it reported.

Every measurement is a process of its own, so that no peer finds caches, threads or memory that another one left, and
so that the operating system can say how much memory it took. This module and whoever imports it must stay small: Linux
counts the memory of the process that starts another one as the least that the started process can show.
"""

import json
import os
import signal
import subprocess
import tempfile
import threading
import time


def measure(command, environment, limit_seconds):
    """Runs `command` and returns its report (the last line of its output that is a JSON object) with the costs.

    The key `failure` is there, and says why, if the process did not end well or reported nothing.
    """
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        busy_before = busy_seconds()
        start = time.monotonic()
        try:
            process = subprocess.Popen(
                command,
                env=os.environ | environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                preexec_fn=go_first_when_memory_ends,  # noqa: PLW1509 - no other thread runs here
            )
        except OSError as error:
            return {"failure": str(error)}
        timer = threading.Timer(limit_seconds, process.kill)
        timer.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            raise
        finally:
            timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.monotonic() - start
        processor = usage.ru_utime + usage.ru_stime
        costs = {
            "wall_seconds": round(wall, 3),
            "whole_processor_seconds": round(processor, 3),
            "others_seconds": round(max(0.0, busy_seconds() - busy_before - processor), 3),
            "peak_memory_bytes": usage.ru_maxrss * 1024,
        }
        report = last_object(text_of(output))
        if process.returncode == 0 and report is not None:
            return report | costs
        if wall >= limit_seconds:
            reason = f"stopped after {limit_seconds:.0f} s"
        elif process.returncode == -signal.SIGKILL:
            reason = "killed by the system, most likely for want of memory"
        else:
            lines = [line.strip() for line in text_of(errors).splitlines() if line.strip()]
            reason = lines[-1] if lines else f"exit status {process.returncode} and nothing reported"
        return costs | {"failure": reason[:400], "errors": text_of(errors)[-4000:]}


def others_share(costs):
    """The part of the machine that other programs took meanwhile. The system counts in hundredths of seconds, so that
    this says little about a run of less than a second."""
    return min(1.0, costs["others_seconds"] / costs["wall_seconds"] / os.cpu_count())


def wait_until_quiet(share, limit_seconds):
    """Waits until other programs take no more than `share` of the machine for two seconds, or the limit is over."""
    deadline = time.monotonic() + limit_seconds
    while True:
        before, start = busy_seconds(), time.monotonic()
        time.sleep(2)
        busy = (busy_seconds() - before) / (time.monotonic() - start) / os.cpu_count()
        if busy <= share or time.monotonic() > deadline:
            return


def go_first_when_memory_ends():
    """Lets the kernel end this process before any other one if memory runs out: a peer may need more than there is."""
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")


def busy_seconds():
    """Seconds that all processors together have worked, or were kept from it by other virtual machines."""
    with open("/proc/stat") as file:
        user, nice, system, _idle, _waiting, interrupts, soft_interrupts, steal = map(int, file.readline().split()[1:9])
    ticks = user + nice + system + interrupts + soft_interrupts + steal
    return ticks / os.sysconf("SC_CLK_TCK")


def text_of(file):
    file.seek(0)
    return file.read()


def last_object(text):
    """The last JSON object in `text`: one on a line of its own, or the whole text."""
    for candidate in [*reversed(text.splitlines()), text]:
        if candidate.lstrip().startswith("{"):
            try:
                return json.loads(candidate)
            except json.JSONDecodeError:
                continue
    return None
