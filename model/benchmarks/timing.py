"""How a peer that is called from Python measures itself, the same way for all of them."""

import resource
import time


def peak_memory():
    """The most memory so far: asked before a model is loaded, it is what importing the peer's libraries takes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def timed(call, repeat):
    """Seconds of `repeat` calls, after one that is not counted: the first call compiles, packs and touches memory."""
    call()
    seconds = []
    for _ in range(repeat):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return seconds


def timed_often(call, least_seconds=1.0, least_calls=5):
    """Like `timed` for calls so short that only many of them say anything."""
    seconds = timed(call, 1)
    while len(seconds) < least_calls or sum(seconds) < least_seconds and len(seconds) < 1000:
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return seconds
