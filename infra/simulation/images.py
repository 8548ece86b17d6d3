"""Images, how long their parts take, and the queue that they wait in."""

import heapq
import itertools
from collections import deque
from dataclasses import dataclass


class Clock:
    """What happens when; time passes only between events."""

    def __init__(self):
        self.now, self.events, self.order = 0.0, [], itertools.count()

    def at(self, time, action):
        heapq.heappush(self.events, (time, next(self.order), action))

    def run(self):
        while self.events:
            self.now, _, action = heapq.heappop(self.events)
            action()


@dataclass
class Image:
    asked: float
    # As far as the last checkpoint says.
    step: int = 0
    drawn: int = 0
    done: float = None
    handed_on: int = 0
    # How often it was taken up at the step of the last claim.
    claimed_at: int = None
    tries: int = 0
    failed: bool = False

    def claim(self, most):
        """Takes it up, unless so many workers stopped at the same step: then it fails."""
        self.tries = self.tries + 1 if self.claimed_at == self.step else 1
        self.claimed_at = self.step
        self.failed = self.tries > most
        return not self.failed

    def keep(self, steps, checkpoint_every):
        """The worker died after so many steps; those since its last checkpoint are lost."""
        self.step += int(steps) // checkpoint_every * checkpoint_every


@dataclass(frozen=True)
class Pace:
    """Seconds of an image's parts on one worker."""

    steps: int
    step: float
    decode: float
    text: float
    # Reading the task, writing the image, moving the task.
    handling: float
    # Writing a checkpoint.
    saving: float = 1.0

    def draw(self, image, begin, deadline=float("inf"), stop=float("inf"), margin=0):
        """When a worker that begins now is done with it, how many steps it makes, and whether the image is finished.

        As pace.rs: it hands on before a step that would not fit, or that begins after it was told to stop.
        """
        now = begin + self.handling + (0 if image.step else self.text)
        needed = self.step * 1.5 + self.saving * 2 + margin
        left = self.steps - image.step
        last = now + left * self.step
        if last < stop and deadline - last >= needed:
            return last + self.decode, left, True
        for made in range(left + 1):
            if now >= stop or (made and deadline - now < needed):
                return now + self.saving, made, False
            if made < left:
                now += self.step
        return now + self.decode, left, True

    def draw_alone(self):
        return self.draw(Image(0), 0)[0]


@dataclass
class Message:
    image: Image
    sent: float
    count: int = 0


class Queue:
    """Delivers a message until it is deleted, given up or too old. Standard queues keep no order; this one does.

    No image is lost with its message: one that waits is asked for again, by whoever takes the dead letters and by
    whoever looks for what waits for long.
    """

    def __init__(self, clock, limits):
        self.clock, self.retention, self.deliveries = clock, limits.retention, limits.deliveries
        self.most_tries = limits.most_tries
        # Messages that were given up or too old.
        self.asked_again = 0
        self.visible, self.undeleted, self.listen = deque(), {}, lambda: None

    def send(self, image):
        self.show(self.put(image))

    def put(self, image):
        message = Message(image, self.clock.now)
        self.undeleted[id(message)] = message
        return message

    def show(self, message):
        """It can be received, for the first time or again."""
        self.visible.append(message)
        self.listen()

    def receive(self):
        while self.visible:
            message = self.visible.popleft()
            image = message.image
            if self.clock.now - message.sent > self.retention or message.count >= self.deliveries:
                self.delete(message)
                self.asked_again += 1
                message = self.put(image)
            message.count += 1
            if image.claim(self.most_tries):
                return message
            self.delete(message)
        return None

    def delete(self, message):
        del self.undeleted[id(message)]

    def settle(self, message, steps, finished):
        """A worker has finished the image, or hands the rest on as a new message."""
        image = message.image
        image.step += steps
        self.delete(message)
        if finished:
            image.drawn += 1
            image.done = self.clock.now
        else:
            image.handed_on += 1
            self.send(image)

    @property
    def taken(self):
        return len(self.undeleted) - len(self.visible)

    @property
    def age(self):
        return self.clock.now - next(iter(self.undeleted.values())).sent if self.undeleted else 0


@dataclass
class Outcome:
    """What became of the images, and what it cost."""

    images: list
    dollars: float
    details: dict
    # Workers by time, where somebody draws them.
    workers: list

    @property
    def waits(self):
        return sorted(image.done - image.asked for image in self.images if image.done is not None)

    @property
    def drained(self):
        return max((image.done for image in self.images if image.done is not None), default=0)

    @property
    def median(self):
        return self.waits[len(self.waits) // 2] if self.waits else 0

    @property
    def worst(self):
        return self.waits[-1] if self.waits else 0

    @property
    def failed(self):
        return sum(image.failed for image in self.images)

    @property
    def unfinished(self):
        return sum(image.done is None for image in self.images)

    @property
    def handed_on(self):
        return sum(image.handed_on for image in self.images)


def burst(count):
    return [0.0] * count


def stream(count, chance, seconds=3600):
    """So many images, on average in so many seconds, each without regard to the others."""
    moments = itertools.accumulate(chance.expovariate(count / seconds) for _ in range(count))
    return list(moments)
