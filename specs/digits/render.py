#!/usr/bin/python3
"""Renders labelled 32x32 grey images of the digits 0-9 from Debian's fonts.

    render.py --split test --count 2000 --output test.npz
    render.py --split test --count 2000 --output test.npz --normalize
    render.py --packages            # the font packages to install

The .npz holds images f32[N,1,32,32] and labels i64[N]. Images are multiples of 1/255 in 0..1, what an 8-bit PNG
holds; --normalize subtracts MEAN and divides by STD, what the network's input wants. A .npy output holds the images
alone, the labels go to the same name with _labels.npy.

Image i of a split depends on (split, seed, i) and the fonts alone, not on the count. The families of TEST_PACKAGES
are drawn by the test split only; training and validation share TRAIN_PACKAGES and differ in the seed.

Needs python3-numpy and python3-pil; the test split needs only TEST_PACKAGES installed.
"""
import argparse
import math
import os
import subprocess
import sys

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

TRAIN_PACKAGES = """
fonts-anonymous-pro fonts-averia-sans-gwf fonts-averia-serif-gwf fonts-bebas-neue fonts-breip fonts-cabin
fonts-cherrybomb fonts-cmu fonts-comfortaa fonts-comic-neue fonts-crosextra-caladea fonts-crosextra-carlito
fonts-dancingscript fonts-dejavu-core fonts-dejavu-extra fonts-dkg-handwriting fonts-dosis fonts-dustin
fonts-ebgaramond fonts-ecolier-court fonts-essays1743 fonts-femkeklaver fonts-firacode fonts-freefont-ttf
fonts-georgewilliams fonts-gnutypewriter fonts-go fonts-goudybookletter fonts-hack fonts-humor-sans
fonts-inconsolata fonts-isabella fonts-jura fonts-karla fonts-kaushanscript fonts-kristi fonts-lato
fonts-league-spartan fonts-leckerli-one fonts-linuxlibertine fonts-manrope fonts-ocr-a fonts-ocr-b fonts-okolaks
fonts-open-sans fonts-opendin fonts-opendyslexic fonts-osifont fonts-oxygen fonts-paratype fonts-play
fonts-quicksand fonts-radisnoir fonts-roboto-slab fonts-roboto-unhinted fonts-routed-gothic fonts-rufscript
fonts-sil-andika fonts-sjfonts fonts-sora fonts-staypuft fonts-summersby fonts-tlwg-purisa-otf fonts-tomsontalks
fonts-tuffy fonts-urw-base35 fonts-vollkorn fonts-yanone-kaffeesatz
""".split()

TEST_PACKAGES = """
fonts-b612 fonts-bwht fonts-cantarell fonts-clear-sans fonts-courier-prime fonts-liberation fonts-lobstertwo
fonts-quattrocento
""".split()

# No digits, digits in boxes, or digits that a person does not read either.
EXCLUDED = {"Balker.ttf", "MarkedFool.ttf", "flatline.ttf", "LinBiolinum_K.ttf", "LinBiolinum_K.otf",
            "LinLibertine_I.otf", "D050000L.otf", "StandardSymbolsPS.otf", "Delphine.ttf", "Wargames.ttf",
            "progenisis.ttf", "Winks.ttf", "Swift.ttf", "OCRBE.otf", "OCRBX.otf", "OCRBF.otf",
            "BebasNeue-Thin.otf", "Lato-Hairline.ttf", "Lato-HairlineItalic.ttf"}

SIZE = 32               # of an image, pixels
FINE = 64               # the glyph is warped at this size, then averaged down
CANVAS = 96             # side of a cached glyph mask
GLYPH = 64              # height of the glyph in it
MEAN, STD = 0.5, 0.25
SPLITS = {"train": (1, TRAIN_PACKAGES), "validation": (2, TRAIN_PACKAGES), "test": (3, TEST_PACKAGES)}


def families(packages):
    """Font files of every installed package, a list per package; an absent package is an error that names it."""
    result, missing = [], []
    for package in packages:
        listing = subprocess.run(["dpkg-query", "-L", package], capture_output=True, text=True)
        files = sorted(f for f in listing.stdout.splitlines()
                       if f.endswith((".ttf", ".otf")) and os.path.basename(f) not in EXCLUDED and os.path.isfile(f))
        if files:
            result.append(files)
        else:
            missing.append(package)
    if missing:
        sys.exit("render.py: install " + " ".join(missing))
    return result


def glyph_mask(path, digit):
    """The digit's coverage, f32[CANVAS,CANVAS] in 0..1, its ink box GLYPH high (or CANVAS-8 wide) and centred."""
    font = ImageFont.truetype(path, 96)
    left, top, right, bottom = font.getbbox(str(digit))
    image = Image.new("L", (right - left + 16, bottom - top + 16), 0)
    ImageDraw.Draw(image).text((8 - left, 8 - top), str(digit), font=font, fill=255)
    image = image.crop(image.getbbox())
    scale = min(GLYPH / image.height, (CANVAS - 8) / image.width)
    image = image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))), Image.LANCZOS)
    canvas = Image.new("L", (CANVAS, CANVAS), 0)
    canvas.paste(image, ((CANVAS - image.width) // 2, (CANVAS - image.height) // 2))
    return np.asarray(canvas, np.float32) / 255


def warp(mask, rng, shift=(0.0, 0.0)):
    """mask under a random affine, perspective and wavy map, f32[FINE,FINE]; shift moves it, in image widths."""
    height = rng.uniform(0.52, 0.92)                        # of the glyph, in image heights
    aspect = math.exp(rng.uniform(-0.22, 0.22))
    angle = math.radians(rng.uniform(-14, 14))
    shear = rng.uniform(-0.22, 0.22)
    room = 0.5 * (1 - height) + 0.04
    centre = rng.uniform(-room, room, 2) + shift
    tilt = rng.uniform(-0.22, 0.22, 2)
    axis = (np.arange(FINE, dtype=np.float32) + 0.5) / FINE - 0.5
    x, y = np.meshgrid(axis - centre[0], axis - centre[1])
    depth = 1 + tilt[0] * x + tilt[1] * y
    x, y = x / depth, y / depth
    wave = rng.uniform(0, 0.016)
    phase = rng.uniform(0, 2 * math.pi, 2)
    turns = rng.uniform(4, 11, 2)
    x, y = x + wave * np.sin(turns[0] * y + phase[0]), y + wave * np.sin(turns[1] * x + phase[1])
    c, s = math.cos(angle), math.sin(angle)
    x, y = c * x + s * y, c * y - s * x
    x = x + shear * y
    u = x * (GLYPH / (height * aspect)) + (CANVAS - 1) / 2
    v = y * (GLYPH / height) + (CANVAS - 1) / 2
    u, v = np.clip(u, 0, CANVAS - 1.001), np.clip(v, 0, CANVAS - 1.001)
    i, j = v.astype(np.int32), u.astype(np.int32)
    fv, fu = v - i, u - j
    return ((mask[i, j] * (1 - fu) + mask[i, j + 1] * fu) * (1 - fv)
            + (mask[i + 1, j] * (1 - fu) + mask[i + 1, j + 1] * fu) * fv)


def stroke_weight(alpha, rng):
    """alpha, at times bolder or (when there is ink to lose) thinner by a pixel of the fine grid."""
    ink = alpha.mean()
    if ink < 0.05 or (ink < 0.16 and rng.random() < 0.25):
        kind = ImageFilter.MaxFilter(3)
    elif ink > 0.16 and rng.random() < 0.3:
        kind = ImageFilter.MinFilter(3)
    else:
        return alpha
    image = Image.fromarray((alpha * 255).astype(np.uint8)).filter(kind)
    return np.asarray(image, np.float32) / 255


def halve(a):
    return a.reshape(SIZE, 2, SIZE, 2).mean((1, 3))


def background(rng, level):
    """A surface about level: plain, or with a gradient, soft blotches, stripes, lines and discs. f32[SIZE,SIZE]."""
    axis = np.arange(SIZE, dtype=np.float32) / SIZE - 0.5
    x, y = np.meshgrid(axis, axis)
    surface = np.full((SIZE, SIZE), level, np.float32)
    if rng.random() < 0.6:
        a = rng.uniform(0, 2 * math.pi)
        surface += rng.uniform(0, 0.3) * (math.cos(a) * x + math.sin(a) * y)
    if rng.random() < 0.5:
        cells = int(rng.integers(3, 12))
        blotch = Image.fromarray(rng.uniform(-1, 1, (cells, cells)).astype(np.float32), "F")
        surface += rng.uniform(0, 0.14) * np.asarray(blotch.resize((SIZE, SIZE), Image.BICUBIC))
    if rng.random() < 0.15:
        a, f = rng.uniform(0, math.pi), rng.uniform(12, 60)
        surface += rng.uniform(0, 0.1) * np.sin(f * (math.cos(a) * x + math.sin(a) * y) + rng.uniform(0, 6.3))
    if rng.random() < 0.35:
        clutter = Image.new("F", (SIZE, SIZE), 0.0)
        draw = ImageDraw.Draw(clutter)
        for _ in range(int(rng.integers(1, 5))):
            p = rng.uniform(-8, SIZE + 8, 4)
            fill = float(rng.uniform(-0.16, 0.16))
            if rng.random() < 0.6:
                draw.line(p.tolist(), fill=fill, width=int(rng.integers(1, 4)))
            else:
                r = rng.uniform(2, 9)
                draw.ellipse([p[0] - r, p[1] - r, p[0] + r, p[1] + r], fill=fill)
        surface += np.asarray(clutter)
    return surface


def blur(image, radius):
    """Gaussian blur of f32[SIZE,SIZE] with standard deviation radius, edges continued."""
    n = max(1, math.ceil(3 * radius))
    k = np.exp(-0.5 * (np.arange(-n, n + 1) / radius) ** 2)
    k = (k / k.sum()).astype(np.float32)
    for _ in range(2):
        padded = np.pad(image, ((n, n), (0, 0)), "edge")
        image = np.einsum("kij,k->ij", np.stack([padded[i:i + SIZE] for i in range(2 * n + 1)]), k).T
    return image


class Renderer:
    """Draws the images of one split; glyph masks are kept once rendered."""

    def __init__(self, split, seed):
        self.key, packages = SPLITS[split]
        self.seed = seed
        self.families = families(packages)
        self.masks = {}

    def mask(self, rng, digit):
        family = self.families[int(rng.integers(len(self.families)))]
        path = family[int(rng.integers(len(family)))]
        if (path, digit) not in self.masks:
            self.masks[path, digit] = glyph_mask(path, digit)
        return self.masks[path, digit]

    def image(self, index, digit):
        """u8[SIZE,SIZE] of the digit."""
        rng = np.random.default_rng([self.key, self.seed, index])
        alpha = halve(stroke_weight(warp(self.mask(rng, digit), rng), rng))
        paper = rng.uniform(0.05, 0.95)
        contrast = rng.uniform(0.36, 0.9)
        dark = paper - contrast > 0.0
        light = paper + contrast < 1.0
        sign = rng.choice([-1, 1]) if dark == light else (-1 if dark else 1)
        ink = float(np.clip(paper + sign * contrast, 0, 1))
        surface = background(rng, paper)
        if rng.random() < 0.15:                             # a neighbour's edge, as in a row of digits
            side = float(rng.choice([-1, 1])) * rng.uniform(0.72, 0.95)
            other = halve(warp(self.mask(rng, int(rng.integers(10))), rng, (side, 0.0)))
            other = other * (1 - alpha)
            surface = surface + other * (ink - surface)
        if rng.random() < 0.15:                             # the digit's own shadow
            dy, dx = rng.integers(1, 4), rng.integers(-3, 4)
            shadow = np.roll(alpha, (dy, dx), (0, 1))
            surface = surface * (1 - rng.uniform(0.1, 0.35) * blur(shadow, 1.0))
        tint = ink + rng.uniform(-0.06, 0.06) * np.linspace(-1, 1, SIZE, dtype=np.float32)[:, None]
        image = surface + alpha * (tint - surface)
        if rng.random() < 0.5:
            image = blur(image, rng.uniform(0.3, 1.1))
        noise = rng.normal(0, 1, image.shape)
        if rng.random() < 0.7:
            image = image + noise * rng.uniform(0, 0.14) * abs(ink - paper)
        return np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)


def dataset(split, count, seed=0):
    """images u8[count,SIZE,SIZE] and labels i64[count], digits in turn."""
    renderer = Renderer(split, seed)
    labels = np.arange(count, dtype=np.int64) % 10
    images = np.stack([renderer.image(i, int(labels[i])) for i in range(count)])
    return images, labels


def to_float(images):
    """u8[N,H,W] -> f32[N,1,H,W] in 0..1."""
    return (images.astype(np.float32) / np.float32(255))[:, None]


def main():
    parser = argparse.ArgumentParser(description="Renders digits from Debian's fonts.")
    parser.add_argument("--split", choices=SPLITS, default="test")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--normalize", action="store_true", help=f"(x - {MEAN}) / {STD}")
    parser.add_argument("--output", help=".npz, or .npy with _labels.npy beside it")
    parser.add_argument("--sheet", help="a PNG of the first images, to look at")
    parser.add_argument("--packages", action="store_true", help="print the font packages and stop")
    args = parser.parse_args()
    if args.packages:
        print(" ".join(SPLITS[args.split][1]))
        return
    images, labels = dataset(args.split, args.count, args.seed)
    if args.sheet:
        rows = images[:len(images) // 20 * 20].reshape(-1, 20, SIZE, SIZE)[:20]
        Image.fromarray(rows.transpose(0, 2, 1, 3).reshape(-1, 20 * SIZE)).save(args.sheet)
    if args.output:
        x = to_float(images)
        if args.normalize:
            x = (x - np.float32(MEAN)) / np.float32(STD)
        if args.output.endswith(".npy"):
            np.save(args.output, x)
            np.save(args.output[:-4] + "_labels.npy", labels)
        else:
            np.savez(args.output, images=x, labels=labels)


if __name__ == "__main__":
    main()
