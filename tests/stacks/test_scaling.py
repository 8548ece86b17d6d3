"""Checks the simulation on cases that can be reckoned by hand: `make infra` runs it."""

import random
import sys
import unittest
from dataclasses import replace
from types import SimpleNamespace

from simulation import costs, limits, on_hosts, on_lambda
from simulation.images import Image, Pace, burst, stream
from simulation.report import Inputs

LIMITS = limits.read()
PRICES = SimpleNamespace(million_requests=0.2, on_demand_hour=2, spot_hour=1)
TIMING = on_hosts.Timing(worker_start=90, metric_delay=60, spot_ends=0)
# 1 + 2 + 20 × 10 + 7 = 210 s.
PACE = Pace(steps=20, step=10, decode=7, text=2, handling=1)


def on_functions(moments, pace=PACE, cold_start=0, deaths=0, **changes):
    changed = replace(LIMITS, timeout=900, visibility=960, margin=10, **changes)
    return on_lambda.play(moments, changed, pace, PRICES, cold_start, random.Random(1), deaths)


def on_gpus(moments, pace=PACE, timing=TIMING, deaths=0, **changes):
    return on_hosts.play(moments, replace(LIMITS, **changes), pace, PRICES, timing, random.Random(1), deaths)


class OnLambda(unittest.TestCase):
    def test_one_image_takes_its_parts_and_costs_them(self):
        outcome = on_functions(burst(1), cold_start=20, memory_gib=10, gibibyte_second=0.001)
        self.assertAlmostEqual(outcome.drained, 230)
        self.assertAlmostEqual(outcome.dollars, 2.3 + 0.2 / 1e6)

    def test_images_one_at_a_time_wait_for_each_other(self):
        outcome = on_functions(burst(7), at_once=1, cold_start=20)
        self.assertEqual([round(wait) for wait in outcome.waits], [20 + 210 * place for place in range(1, 8)])
        self.assertEqual((outcome.details["calls"], outcome.details["cold"]), (7, 1))

    def test_five_calls_begin_at_once_and_five_more_a_second(self):
        outcome = on_functions(burst(30), at_once=1000)
        self.assertAlmostEqual(outcome.waits[4], 210)
        self.assertAlmostEqual(outcome.drained, 215)

    def test_an_image_that_is_too_long_for_a_call_goes_on_in_the_next(self):
        # After 8 steps 100 s are left and 1.5 × 100 + 2 × 1 + 10 are needed; the checkpoint takes 1 s.
        long = Pace(steps=20, step=100, decode=10, text=0, handling=0, saving=1)
        outcome = on_functions(burst(1), long)
        (image,) = outcome.images
        self.assertEqual((image.handed_on, image.drawn, image.step), (2, 1, 20))
        self.assertAlmostEqual(outcome.drained, 801 + 801 + 410)
        self.assertEqual([moment for moment, _ in outcome.workers], [0, 801, 801, 1602, 1602, 2012])
        self.assertEqual(outcome.details["calls"], 3)

    def test_an_image_whose_workers_die_fails_when_as_many_did_at_the_same_step(self):
        # No checkpoint, so no step is kept.
        outcome = on_functions(burst(1), deaths=1, deliveries=3, checkpoint_every=100, most_tries=5)
        self.assertEqual((outcome.failed, outcome.unfinished, outcome.details["calls"]), (1, 1, 5))
        # The message was given up after three, and its image asked for again.
        self.assertEqual(outcome.details["asked again"], 1)
        # It is hidden for 960 s each time, and the last call ended in the fifth of them.
        self.assertTrue(4 * 960 < outcome.workers[-1][0] < 5 * 960)

    def test_an_image_whose_message_gets_too_old_is_asked_for_again(self):
        outcome = on_functions(burst(3), at_once=1, retention=300)
        self.assertEqual([image.drawn for image in outcome.images], [1, 1, 1])
        self.assertEqual((outcome.details["asked again"], outcome.drained), (1, 3 * 210))

    def test_nothing_is_lost_or_drawn_twice(self):
        for moments in (burst(500), stream(500, random.Random(2))):
            outcome = on_functions(moments, at_once=20, deaths=0.05, deliveries=10)
            self.assertEqual({(image.drawn, image.step) for image in outcome.images}, {(1, 20)})
            busiest = max(count for _, count in outcome.workers)
            self.assertLessEqual(busiest, 20)


class OnHosts(unittest.TestCase):
    def test_one_image_waits_for_alarm_host_and_worker(self):
        # The metric of the first minute is seen in the second; 240 s for the host, 90 s for the worker.
        outcome = on_gpus(burst(1), host_start=240, on_demand=1)
        self.assertAlmostEqual(outcome.drained, 120 + 240 + 90 + 210)
        # Idle in the metrics of ten minutes from 660 s on, seen one minute later; the host leaves 900 s after that.
        self.assertAlmostEqual(outcome.details["on demand"], (660 + 10 * 60 + 900 - 120) / 3600)
        self.assertAlmostEqual(outcome.dollars, 2 * outcome.details["on demand"])

    def test_hosts_come_once_the_queue_tells_of_messages(self):
        late = on_gpus(burst(1), timing=replace(TIMING, metrics_wake=900), host_start=240)
        self.assertAlmostEqual(late.drained, 900 + 240 + 90 + 210)
        later = on_gpus(burst(1), timing=replace(TIMING, metric_delay=600), host_start=240)
        self.assertAlmostEqual(later.drained, 660 + 240 + 90 + 210)

    def test_one_gpu_draws_one_image_after_the_other(self):
        outcome = on_gpus(burst(9), host_start=240, most_workers=1, most_hosts=1)
        self.assertAlmostEqual(outcome.drained, 450 + 9 * 210)

    def test_there_are_no_more_hosts_than_may_be_and_one_more_a_minute(self):
        outcome = on_gpus(burst(300), host_start=240, hosts_a_step=1, most_workers=9, most_hosts=3)
        grown = [(moment, count) for moment, count in outcome.workers if moment < 700]
        self.assertEqual(grown, [(450, 1), (510, 2), (570, 3)])
        self.assertEqual(max(count for _, count in outcome.workers), 3)

    def test_a_worker_that_is_told_to_stop_finishes_its_step_and_hands_the_rest_on(self):
        # Steps begin at 3, 13, 23 and so on; the one of second 43 ends at 53.
        self.assertEqual(PACE.draw(Image(0), 0, stop=50), (54, 5, False))
        self.assertEqual(PACE.draw(Image(0, step=5), 100), (100 + 1 + 150 + 7, 15, True))

    def test_nothing_is_lost_or_drawn_twice_when_spot_ends_and_workers_die(self):
        timing = replace(TIMING, spot_ends=3)
        outcome = on_gpus(burst(300), timing=timing, deaths=0.02, deliveries=10, most_workers=8, most_hosts=8)
        self.assertEqual({(image.drawn, image.step) for image in outcome.images}, {(1, 20)})
        self.assertGreater(outcome.handed_on, 0)
        self.assertGreater(outcome.details["hosts"], 8)


class Numbers(unittest.TestCase):
    def test_streams_are_as_long_as_they_should_be(self):
        moments = stream(10_000, random.Random(1))
        self.assertEqual(len(moments), 10_000)
        self.assertAlmostEqual(moments[-1], 3600, delta=150)

    def test_steps_are_chosen_by_how_far_the_metric_is_over_the_threshold(self):
        changes = [LIMITS.depth.change([messages]) for messages in (0, 1, 20, 21, 200, 201)]
        self.assertEqual(changes, [0, 1, 1, 4, 4, 16])
        self.assertEqual([LIMITS.idle.change([9] * minutes) for minutes in (9, 10)], [0, -4])
        self.assertEqual(LIMITS.idle.change([9] * 9 + [0]), 0)

    def test_a_thousand_images_cost_their_time(self):
        given = SimpleNamespace(steps=10, gpu=1, gpu_vae=3, handling=2, **vars(PRICES))
        inputs = Inputs(LIMITS, given)
        half = costs.Kind("half", "of the first", hour=7.2, peak=costs.KINDS[0].peak / 2)
        # 10 × 2 × 1 + 3 s, and 2 s beside it; half as fast, all but the 2 s take twice as long.
        self.assertAlmostEqual(costs.on_gpu(inputs, costs.KINDS[0]), 25)
        self.assertAlmostEqual(costs.on_gpu(inputs, half), 48)
        self.assertAlmostEqual(costs.of_a_thousand(48, half.hour), 96)


if __name__ == "__main__":
    sys.exit(unittest.main())
