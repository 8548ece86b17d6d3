"""How a peer that is called from Python measures itself, the same way for all of them.

Both the time on the clock and the processor time of all threads are kept: on a machine that is never quiet only the
latter says what the work costs (see `--processor-time` of compare.py).
"""

import resource
import time


def peak_memory():
    """The most memory so far: asked before a model is loaded, it is what importing the peer's libraries takes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def timed(call, repeat):
    """Times of `repeat` calls, after one that is not counted: the first call compiles, packs and touches memory."""
    call()
    return listed([timed_once(call) for _ in range(repeat)])


def timed_often(call):
    """Like `timed` for calls so short that only many of them say anything: five and a second, but not over five."""
    call()
    pairs = [timed_once(call)]
    while (len(pairs) < 5 or spent(pairs) < 1) and spent(pairs) < 5:
        pairs.append(timed_once(call))
    return listed(pairs)


def timed_once(call):
    clock, processor = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - clock, time.process_time() - processor


def spent(pairs):
    return sum(clock for clock, _ in pairs)


def listed(pairs):
    return {"seconds": [clock for clock, _ in pairs], "processor_seconds": [processor for _, processor in pairs]}
