"""The networks of specs/tiny in PyTorch, with the same tensor names: what the tests compare those specs with."""
import torch
import torch.nn as nn
import torch.nn.functional as F


def cbr(c, out, kernel, stride=1, pad=None, groups=1, relu=True):
    pad = kernel // 2 if pad is None else pad
    layers = [nn.Conv2d(c, out, kernel, stride, pad, groups=groups, bias=False), nn.BatchNorm2d(out)]
    return nn.Sequential(*layers + ([nn.ReLU()] if relu else []))


class Block(nn.Module):
    def __init__(self, c, out, stride):
        super().__init__()
        self.a, self.b = cbr(c, out, 3, stride), cbr(out, out, 3, relu=False)
        if stride > 1:
            self.d = nn.Conv2d(c, out, 1, stride)

    def forward(self, x):
        return F.relu(self.b(self.a(x)) + (self.d(x) if hasattr(self, "d") else x))


class ResNet8(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = cbr(3, 16, 3)
        self.s1, self.s2, self.s3 = Block(16, 16, 1), Block(16, 32, 2), Block(32, 64, 2)
        self.fc = nn.Linear(64, 10)

    def forward(self, x):
        return self.fc(self.s3(self.s2(self.s1(self.stem(x)))).mean((2, 3)))


class DSCNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = cbr(1, 64, (10, 4), 2, (5, 1))
        self.blocks = nn.Sequential(*[nn.Sequential(cbr(64, 64, 3, groups=64), cbr(64, 64, 1)) for _ in range(4)])
        self.fc = nn.Linear(64, 12)

    def forward(self, x):
        return self.fc(self.blocks(self.stem(x)).mean((2, 3)))


class MobileNetV1(nn.Module):
    def __init__(self):
        super().__init__()
        layers, c = [cbr(3, 8, 3, 2)], 8
        for out, stride in ([(16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2)] + [(128, 1)] * 5
                            + [(256, 2), (256, 1)]):
            layers += [cbr(c, c, 3, stride, groups=c), cbr(c, out, 1)]
            c = out
        self.f, self.fc = nn.Sequential(*layers), nn.Linear(c, 2)

    def forward(self, x):
        return self.fc(self.f(x).mean((2, 3)))


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1, self.c2 = nn.Conv2d(1, 6, 5, padding=2), nn.Conv2d(6, 16, 5)
        self.f1, self.f2, self.f3 = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.c1(x)), 2)
        x = torch.flatten(F.max_pool2d(F.relu(self.c2(x)), 2), 1)
        return self.f3(F.relu(self.f2(F.relu(self.f1(x)))))


class Unit(nn.Module):
    def __init__(self, c, out, stride):
        super().__init__()
        half = out // 2
        if stride > 1:
            self.l = nn.Sequential(cbr(c, c, 3, 2, groups=c, relu=False), cbr(c, half, 1))
        self.r = nn.Sequential(cbr(c if stride > 1 else half, half, 1),
                               cbr(half, half, 3, stride, groups=half, relu=False), cbr(half, half, 1))

    def forward(self, x):
        a, b = (self.l(x), x) if hasattr(self, "l") else x.chunk(2, 1)
        return F.channel_shuffle(torch.cat((a, self.r(b)), 1), 2)


class Shuffle(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = cbr(3, 24, 3)
        self.b = nn.Sequential(Unit(24, 48, 2), Unit(48, 48, 1), Unit(48, 48, 1),
                               Unit(48, 96, 2), Unit(96, 96, 1), Unit(96, 96, 1))
        self.last, self.fc = cbr(96, 96, 1), nn.Linear(96, 10)

    def forward(self, x):
        return self.fc((self.last(self.b(self.stem(x))) ** 2).mean((2, 3)))


MODELS = {"resnet8": ResNet8, "dscnn": DSCNN, "mbv1_025": MobileNetV1, "lenet": LeNet, "shuffle": Shuffle}
