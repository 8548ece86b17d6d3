"""Prints where k-diffusion's samplers end that diffusers does not have, for the test `samplers_of_k_diffusion`.

Run: python make_k_diffusion.py    (plain Python, in double precision)

The loops are those of `sample_dpmpp_2s_ancestral`, `sample_dpmpp_sde` and `sample_dpmpp_3m_sde` in k-diffusion 0.1.1,
on SDXL's Karras levels between all training levels. The model predicts 0.4 of its scaled input as noise; number j of
draw k is sin(1.7 k + 0.9 j), of which draw 0 times the first level is the start.
"""

from math import exp, expm1, log, sin, sqrt

STEPS, SIZE = 16, 4
product, levels = 1.0, []
for i in range(1000):
    product *= 1 - (sqrt(0.00085) + i * (sqrt(0.012) - sqrt(0.00085)) / 999) ** 2
    levels.append(sqrt((1 - product) / product))
low, high = levels[0] ** (1 / 7), levels[-1] ** (1 / 7)
SIGMAS = [(high + i / (STEPS - 1) * (low - high)) ** 7 for i in range(STEPS)] + [0.0]


def denoised(x, sigma):
    return [v - sigma * 0.4 * v / sqrt(sigma * sigma + 1) for v in x]


def mix(*terms):
    return [sum(factor * values[j] for factor, values in terms) for j in range(SIZE)]


class Noise:
    def __init__(self):
        self.drawn = 0

    def __call__(self):
        self.drawn += 1
        return [sin(1.7 * (self.drawn - 1) + 0.9 * j) for j in range(SIZE)]


def ancestral(start, end):
    up = min(end, sqrt(end**2 * (start**2 - end**2) / start**2))
    return sqrt(max(end**2 - up**2, 0.0)), up


def dpmpp_2s_a(noise):
    x = [v * SIGMAS[0] for v in noise()]
    for s, n in zip(SIGMAS, SIGMAS[1:], strict=True):
        image = denoised(x, s)
        down, up = ancestral(s, n)
        if down == 0:
            x = mix((1, x), (-s, [(a - b) / s for a, b in zip(x, image, strict=True)]))
            continue
        h = log(s) - log(down)
        middle = exp(log(s) - h / 2)
        second = mix((middle / s, x), (-expm1(-h / 2), image))
        x = mix((down / s, x), (-expm1(-h), denoised(second, middle)), (up, noise()))
    return x


def dpmpp_sde(noise):
    x = [v * SIGMAS[0] for v in noise()]
    for s, n in zip(SIGMAS, SIGMAS[1:], strict=True):
        image = denoised(x, s)
        if n == 0:
            x = image
            continue
        middle = exp((log(s) + log(n)) / 2)
        down, up = ancestral(s, middle)
        second = mix((down / s, x), (-expm1(log(down) - log(s)), image), (up, noise()))
        down, up = ancestral(s, n)
        x = mix((down / s, x), (-expm1(log(down) - log(s)), denoised(second, middle)), (up, noise()))
    return x


def dpmpp_3m_sde(noise):
    x = [v * SIGMAS[0] for v in noise()]
    images, hs = [], []
    for s, n in zip(SIGMAS, SIGMAS[1:], strict=True):
        image = denoised(x, s)
        if n == 0:
            x = image
            continue
        h = log(s) - log(n)
        x = mix((exp(-2 * h), x), (-expm1(-2 * h), image))
        phi_2 = expm1(-2 * h) / (2 * h) + 1
        phi_3 = phi_2 / (2 * h) - 0.5
        if len(hs) > 1:
            r0, r1 = hs[-1] / h, hs[-2] / h
            near = [(a - b) / r0 for a, b in zip(image, images[-1], strict=True)]
            far = [(a - b) / r1 for a, b in zip(images[-1], images[-2], strict=True)]
            d1 = [a + (a - b) * r0 / (r0 + r1) for a, b in zip(near, far, strict=True)]
            d2 = [(a - b) / (r0 + r1) for a, b in zip(near, far, strict=True)]
            x = mix((1, x), (phi_2, d1), (-phi_3, d2))
        elif hs:
            x = mix((1, x), (phi_2, [(a - b) / (hs[-1] / h) for a, b in zip(image, images[-1], strict=True)]))
        x = mix((1, x), (n * sqrt(-expm1(-2 * h)), noise()))
        images.append(image)
        hs.append(h)
    return x


for sampler in (dpmpp_2s_a, dpmpp_sde, dpmpp_3m_sde):
    noise = Noise()
    print(sampler.__name__, [round(value, 7) for value in sampler(noise)], noise.drawn)
