"""Images on hosts with GPUs: as many workers as the alarms ask for, one a GPU, on hosts that have to start first."""

from dataclasses import dataclass

from simulation.images import Clock, Image, Outcome, Queue
from simulation.limits import HOST_LEAVES_AFTER

MINUTE = 60
# From the notice to the end of a spot host, and of a worker that is told to stop.
NOTICE = 120


@dataclass(frozen=True)
class Timing:
    # Seconds from a free host to a worker that draws.
    worker_start: float
    # Seconds by which alarms see less than there is.
    metric_delay: int
    # How many of the spot hosts are taken back an hour.
    spot_ends: float
    # Seconds until a queue that was not used for long tells anything.
    metrics_wake: int = 0


class Host:
    def __init__(self, now, is_spot):
        self.began, self.is_spot = now, is_spot
        self.ready, self.free_since, self.worker, self.ended = False, None, None, None


class Worker:
    def __init__(self, host):
        self.host, self.running, self.stopping, self.message, self.began, self.job = host, False, False, None, 0, 0


class Hosts:
    def __init__(self, limits, pace, timing, chance, deaths):
        self.limits, self.pace, self.timing, self.chance, self.deaths = limits, pace, timing, chance, deaths
        self.clock = Clock()
        self.queue = Queue(self.clock, limits)
        self.queue.listen = self.dispatch
        self.hosts, self.gone, self.workers = [], [], []
        self.wanted = 0
        self.depths, self.ages, self.idles = [], [], []
        # By policy: until when it cools down, and by how much it grew last.
        self.cooling = {}
        self.running = []
        self.expected = 0

    # Once a minute.

    def tick(self):
        if not (self.expected or self.queue.undeleted or self.hosts or self.wanted):
            return
        drawing = sum(worker.running for worker in self.workers)
        visible = len(self.queue.visible)
        self.depths.append(visible)
        self.ages.append(self.queue.age if visible else 0)
        self.idles.append(drawing - visible - self.queue.taken)
        # Before the queue's metrics wake up, nothing is seen; after that, late.
        seen = slice(None, max(0, len(self.depths) - self.timing.metric_delay // MINUTE))
        if self.clock.now < self.timing.metrics_wake:
            seen = slice(0)
        self.grow(self.limits.depth, self.depths[seen])
        self.grow(self.limits.age, self.ages[seen])
        self.shrink(self.limits.idle, self.idles[seen])
        self.place()
        self.start_hosts()
        self.leave()
        self.clock.at(self.clock.now + MINUTE, self.tick)

    def grow(self, policy, values):
        change = policy.change(values)
        until, last = self.cooling.get(policy, (0, 0))
        if self.clock.now < until:
            # While it cools down, only what a larger step adds.
            change -= last
        else:
            last = 0
        if change > 0 and self.wanted < self.limits.most_workers:
            self.wanted = min(self.wanted + change, self.limits.most_workers)
            self.cooling[policy] = (self.clock.now + policy.cooldown, last + change)

    def shrink(self, policy, values):
        change = policy.change(values)
        until, _ = self.cooling.get(policy, (0, 0))
        if change < 0 and self.wanted and self.clock.now >= until:
            self.wanted = max(self.wanted + change, 0)
            self.cooling[policy] = (self.clock.now + policy.cooldown, 0)
            while len(self.working()) > self.wanted:
                self.stop(self.chance.choice(self.working()))

    def working(self):
        return [worker for worker in self.workers if not worker.stopping]

    def place(self):
        for host in self.hosts:
            if len(self.working()) >= self.wanted:
                return
            if host.ready and host.worker is None and host.ended is None:
                host.worker = worker = Worker(host)
                self.workers.append(worker)
                self.clock.at(self.clock.now + self.timing.worker_start, lambda worker=worker: self.begin(worker))

    def start_hosts(self):
        """ECS asks for its step of hosts as long as workers have none, once a minute."""
        coming = sum(not host.ready for host in self.hosts)
        if self.wanted - len(self.working()) <= coming:
            return
        for _ in range(min(self.limits.hosts_a_step, self.limits.most_hosts - len(self.hosts))):
            on_demand = sum(not host.is_spot for host in self.hosts)
            host = Host(self.clock.now, on_demand >= self.limits.on_demand)
            self.hosts.append(host)
            self.clock.at(self.clock.now + self.limits.host_start, lambda host=host: self.arrive(host))
            if host.is_spot and self.timing.spot_ends:
                ends = self.chance.expovariate(self.timing.spot_ends / 3600)
                self.clock.at(self.clock.now + ends, lambda host=host: self.interrupt(host))

    def leave(self):
        for host in list(self.hosts):
            is_free = host.ready and host.worker is None
            if is_free and self.clock.now - host.free_since >= HOST_LEAVES_AFTER:
                self.end(host)

    # Hosts and workers.

    def arrive(self, host):
        host.ready, host.free_since = host in self.hosts, self.clock.now
        self.place()

    def end(self, host):
        host.ended = self.clock.now
        self.hosts.remove(host)
        self.gone.append(host)

    def interrupt(self, host):
        """Spot is wanted back: the host's worker hands its image on, the host goes."""
        if host.ended is not None:
            return
        host.ready = False
        if host.worker is not None:
            self.stop(host.worker)
        self.end(host)
        host.ended += NOTICE

    def begin(self, worker):
        if not worker.stopping:
            worker.running = True
            self.count()
            self.dispatch()

    def stop(self, worker):
        worker.stopping = True
        if worker.message is None:
            self.part(worker)
            return
        image = worker.message.image
        end, steps, finished = self.pace.draw(image, worker.began, stop=self.clock.now)
        worker.job += 1
        job = worker.job
        self.clock.at(max(end, self.clock.now), lambda: self.finish(worker, job, steps, finished))

    def part(self, worker):
        worker.running = False
        self.workers.remove(worker)
        worker.host.worker, worker.host.free_since = None, self.clock.now
        self.count()

    def count(self):
        self.running.append((self.clock.now, sum(worker.running for worker in self.workers)))

    # Images.

    def dispatch(self):
        if self.queue.visible:
            for worker in self.workers:
                if worker.running and not worker.stopping and worker.message is None:
                    self.take(worker)

    def take(self, worker):
        worker.message = self.queue.receive()
        if worker.message is None:
            return
        worker.began = self.clock.now
        worker.job += 1
        job = worker.job
        end, steps, finished = self.pace.draw(worker.message.image, worker.began)
        if self.chance.random() < self.deaths:
            dies = worker.began + (end - worker.began) * self.chance.random()
            self.clock.at(dies, lambda: self.die(worker, job, end, steps))
        else:
            self.clock.at(end, lambda: self.finish(worker, job, steps, finished))

    def finish(self, worker, job, steps, finished):
        # Another end was set when it was told to stop.
        if job != worker.job:
            return
        message, worker.message = worker.message, None
        if worker.stopping:
            self.part(worker)
        self.queue.settle(message, steps, finished)
        if worker in self.workers and worker.message is None:
            self.take(worker)

    def die(self, worker, job, end, steps):
        """The container ends in the middle; another starts in its place, and the message is shown again."""
        if job != worker.job:
            return
        message, worker.message = worker.message, None
        share = (self.clock.now - worker.began) / (end - worker.began)
        message.image.keep(steps * share, self.limits.checkpoint_every)
        self.clock.at(self.clock.now + self.limits.hidden, lambda: self.queue.show(message))
        self.part(worker)
        self.place()

    def ask(self, image):
        self.expected -= 1
        self.queue.send(image)


def play(moments, limits, pace, prices, timing, chance, deaths=0):
    service = Hosts(limits, pace, timing, chance, deaths)
    images = [Image(moment) for moment in moments]
    service.expected = len(images)
    for image in images:
        service.clock.at(image.asked, lambda image=image: service.ask(image))
    service.clock.at(MINUTE, service.tick)
    service.clock.run()
    hours = {
        kind: sum(host.ended - host.began for host in service.gone if host.is_spot == kind) / 3600
        for kind in (False, True)
    }
    dollars = hours[False] * prices.on_demand_hour + hours[True] * prices.spot_hour
    details = {"on demand": hours[False], "spot": hours[True], "hosts": len(service.gone)}
    return Outcome(images, dollars, details, service.running)
