"""Images on Lambda: one a call, as many calls as the event source lets."""

from simulation.images import Clock, Image, Outcome, Queue
from simulation.limits import FIRST_CALLS, MORE_CALLS_A_MINUTE

# An environment that was not used for so long is gone; AWS does not say after how long.
KEPT = 600


class Lambda:
    def __init__(self, limits, pace, cold_start, chance, deaths):
        self.limits, self.pace, self.cold_start, self.chance, self.deaths = limits, pace, cold_start, chance, deaths
        self.clock = Clock()
        self.queue = Queue(self.clock, limits)
        self.queue.listen = self.poll
        # When environments that nobody uses were used last.
        self.free = []
        self.running = self.calls = self.cold = 0
        self.billed = 0.0
        self.workers = []
        self.began = self.waiting = None

    def poll(self):
        if self.began is None:
            self.began = self.clock.now
        while self.queue.visible and self.running < self.limits.at_once:
            allowed = FIRST_CALLS + MORE_CALLS_A_MINUTE * (self.clock.now - self.began) / 60
            if self.running + 1 > allowed + 1e-6:
                self.poll_again()
                return
            message = self.queue.receive()
            if message is not None:
                self.call(message)

    def poll_again(self):
        if self.waiting is None:
            self.waiting = self.began + (self.running + 1 - FIRST_CALLS) * 60 / MORE_CALLS_A_MINUTE
            self.clock.at(self.waiting, self.ramp)

    def ramp(self):
        self.waiting = None
        self.poll()

    def call(self, message):
        now, limits = self.clock.now, self.limits
        warm = bool(self.free) and now - self.free.pop() <= KEPT
        self.calls += 1
        self.cold += not warm
        self.count(1)
        begin = now + (0 if warm else self.cold_start)
        end, steps, finished = self.pace.draw(message.image, begin, now + limits.timeout, margin=limits.margin)
        if self.chance.random() < self.deaths:
            self.clock.at(now + (end - now) * self.chance.random(), lambda: self.die(message, now, end, steps))
        else:
            self.clock.at(end, lambda: self.end(message, now, steps, finished))

    def end(self, message, began, steps, finished):
        self.bill(began)
        self.free.append(self.clock.now)
        self.queue.settle(message, steps, finished)
        self.poll()

    def die(self, message, began, end, steps):
        """The environment ends in the middle; the message comes again after its visibility timeout."""
        share = (self.clock.now - began) / (end - began)
        message.image.keep(steps * share, self.limits.checkpoint_every)
        self.bill(began)
        self.clock.at(began + self.limits.visibility, lambda: self.queue.show(message))
        self.poll()

    def bill(self, began):
        self.billed += self.clock.now - began
        self.count(-1)

    def count(self, change):
        self.running += change
        self.workers.append((self.clock.now, self.running))


def play(moments, limits, pace, prices, cold_start, chance, deaths=0):
    service = Lambda(limits, pace, cold_start, chance, deaths)
    images = [Image(moment) for moment in moments]
    for image in images:
        service.clock.at(image.asked, lambda image=image: service.queue.send(image))
    service.clock.run()
    seconds = service.billed * limits.memory_gib
    dollars = seconds * limits.gibibyte_second + service.calls * prices.million_requests / 1e6
    details = {"GiB-seconds": seconds, "calls": service.calls, "cold": service.cold}
    details["asked again"] = service.queue.asked_again
    return Outcome(images, dollars, details, service.workers)
