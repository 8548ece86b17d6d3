"""Networks that enlarge images, after their papers (RRDBNet: Wang et al. 2018, section 3.1; with pixel unshuffle and
SRVGGNetCompact: Wang et al. 2021), with the names of BasicSR, https://github.com/XPixelGroup/BasicSR."""

import torch
from torch import nn
from torch.nn import functional


class ResidualDenseBlock(nn.Module):
    def __init__(self, features, growth):
        super().__init__()
        for layer in range(5):
            outputs = features if layer == 4 else growth
            setattr(self, f"conv{layer + 1}", nn.Conv2d(features + layer * growth, outputs, 3, 1, 1))

    def forward(self, x):
        seen = [x]
        for layer in range(1, 5):
            conv = getattr(self, f"conv{layer}")
            seen.append(functional.leaky_relu(conv(torch.cat(seen, 1)), 0.2))
        return self.conv5(torch.cat(seen, 1)) * 0.2 + x


class RRDB(nn.Module):
    def __init__(self, features, growth):
        super().__init__()
        self.rdb1 = ResidualDenseBlock(features, growth)
        self.rdb2 = ResidualDenseBlock(features, growth)
        self.rdb3 = ResidualDenseBlock(features, growth)

    def forward(self, x):
        return self.rdb3(self.rdb2(self.rdb1(x))) * 0.2 + x


class RRDBNet(nn.Module):
    def __init__(self, features, growth, blocks, doublings=2, unshuffle=1):
        super().__init__()
        self.unshuffle, self.doublings = unshuffle, doublings
        self.conv_first = nn.Conv2d(3 * unshuffle**2, features, 3, 1, 1)
        self.body = nn.Sequential(*[RRDB(features, growth) for _ in range(blocks)])
        self.conv_body = nn.Conv2d(features, features, 3, 1, 1)
        for doubling in range(doublings):
            setattr(self, f"conv_up{doubling + 1}", nn.Conv2d(features, features, 3, 1, 1))
        self.conv_hr = nn.Conv2d(features, features, 3, 1, 1)
        self.conv_last = nn.Conv2d(features, 3, 3, 1, 1)

    def forward(self, x):
        first = self.conv_first(functional.pixel_unshuffle(x, self.unshuffle) if self.unshuffle > 1 else x)
        x = first + self.conv_body(self.body(first))
        for doubling in range(self.doublings):
            conv = getattr(self, f"conv_up{doubling + 1}")
            x = functional.leaky_relu(conv(functional.interpolate(x, scale_factor=2, mode="nearest")), 0.2)
        return self.conv_last(functional.leaky_relu(self.conv_hr(x), 0.2))


class SRVGGNetCompact(nn.Module):
    def __init__(self, features, convolutions, scale):
        super().__init__()
        self.scale = scale
        layers = [nn.Conv2d(3, features, 3, 1, 1), nn.PReLU(features)]
        for _ in range(convolutions):
            layers += [nn.Conv2d(features, features, 3, 1, 1), nn.PReLU(features)]
        layers.append(nn.Conv2d(features, 3 * scale**2, 3, 1, 1))
        self.body = nn.ModuleList(layers)

    def forward(self, x):
        out = x
        for layer in self.body:
            out = layer(out)
        return functional.pixel_shuffle(out, self.scale) + functional.interpolate(
            x, scale_factor=self.scale, mode="nearest"
        )
