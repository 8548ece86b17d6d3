"""The same as plots: how long bursts take and what they cost, and how many draw meanwhile."""

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt

from simulation.report import CALLS, COUNTS, GPUS


def draw(inputs, found, folder):
    folder.mkdir(parents=True, exist_ok=True)
    for where, sizes, label in (("lambda", CALLS, "calls at once"), ("hosts", GPUS, "GPUs")):
        drained(found, where, sizes, label, folder / f"{where}-drained.png")
        workers(found, where, sizes, label, folder / f"{where}-workers.png")


def drained(found, where, sizes, label, path):
    """Time and cost of each burst by how many draw."""
    figure, (times, costs) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for count in COUNTS:
        of_count = [found[where, False, count, size] for size in sizes]
        times.plot(sizes, [outcome.drained / 60 for outcome in of_count], marker="o", label=f"{count:,} images")
        costs.plot(sizes, [outcome.dollars for outcome in of_count], marker="o")
    for axes, title in ((times, "minutes to drain"), (costs, "US dollars")):
        axes.set(xscale="log", yscale="log", xlabel=label, title=title)
        axes.grid(alpha=0.3)
    times.legend()
    figure.savefig(path, dpi=100)
    plt.close(figure)


def workers(found, where, sizes, label, path):
    """How many draw over time in a burst of 1,000."""
    figure, axes = plt.subplots(figsize=(8, 4), layout="constrained")
    for size in sizes:
        outcome = found[where, False, 1_000, size]
        # What ends and begins at the same moment is one change.
        counts = dict(outcome.workers)
        axes.step([max(moment / 60, 0.01) for moment in counts], counts.values(), where="post", label=str(size))
    axes.set(xlabel="minutes", ylabel="at work", title="1,000 images at once")
    axes.set(xscale="log", yscale="log", ylim=(0.8, None))
    axes.legend(title=label)
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=100)
    plt.close(figure)
