#!/usr/bin/python3
"""Draws images/*.png, ten 32x32 grey pictures of digits that training has not seen: draw.py [FOLDER]

Four are set in fonts of render.TEST_PACKAGES. The others share nothing with render.py: pen strokes along Bezier
curves, a seven-segment display, chalk, and a house number photographed at an angle with its cast shadow. Each is
drawn eight times larger and averaged down. The digit stands at the head of the file name.
"""
import os
import sys

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

SIZE = 32
LARGE = 256
FONTS = {
    "mono": "/usr/share/fonts/opentype/courier-prime/Courier Prime.otf",
    "serif": "/usr/share/fonts/truetype/liberation/LiberationSerif-Regular.ttf",
    "sans": "/usr/share/fonts/opentype/cantarell/Cantarell-Bold.otf",
    "script": "/usr/share/fonts/truetype/lobstertwo/LobsterTwo-Regular.otf",
}


def typeset(digit, font, height):
    """Coverage of a centred digit, ink height pixels high. L, LARGE x LARGE."""
    font = ImageFont.truetype(FONTS[font], height)
    left, top, right, bottom = font.getbbox(digit)
    font = font.font_variant(size=round(height * height / (bottom - top)))
    left, top, right, bottom = font.getbbox(digit)
    image = Image.new("L", (LARGE, LARGE), 0)
    at = ((LARGE - right - left) / 2, (LARGE - bottom - top) / 2)
    ImageDraw.Draw(image).text(at, digit, font=font, fill=255)
    return image


def pen(curves, width, rng, pressure=0.25):
    """Coverage of cubic Bezier curves, control points in 0..1, drawn with a round nib of uneven pressure."""
    image = Image.new("L", (LARGE, LARGE), 0)
    draw = ImageDraw.Draw(image)
    for curve in curves:
        p = np.array(curve, float) * LARGE
        a, b = rng.uniform(0, 6.28, 2)
        for t in np.linspace(0, 1, 400):
            w = np.array([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t ** 3])
            x, y = w @ p + 1.5 * np.sin([7 * t + a, 9 * t + b])
            r = width / 2 * (1 + pressure * np.sin(4 * t + a))
            draw.ellipse([x - r, y - r, x + r, y + r], fill=255)
    return image


def segments(lit, on, off, ground):
    """A seven-segment display leaning to the right; lit is a subset of abcdefg."""
    image = Image.new("L", (LARGE, LARGE), ground)
    draw = ImageDraw.Draw(image)
    left, right, top, middle, bottom, t = 72, 184, 30, 128, 226, 12
    bars = {"a": (left, top, right, top), "g": (left, middle, right, middle), "d": (left, bottom, right, bottom),
            "f": (left, top, left, middle), "b": (right, top, right, middle),
            "e": (left, middle, left, bottom), "c": (right, middle, right, bottom)}
    for name, (x0, y0, x1, y1) in bars.items():
        if y0 == y1:
            p = [(x0 + 4, y0), (x0 + t + 4, y0 - t), (x1 - t - 4, y0 - t), (x1 - 4, y0), (x1 - t - 4, y0 + t),
                 (x0 + t + 4, y0 + t)]
        else:
            p = [(x0, y0 + 4), (x0 + t, y0 + t + 4), (x0 + t, y1 - t - 4), (x0, y1 - 4), (x0 - t, y1 - t - 4),
                 (x0 - t, y0 + t + 4)]
        draw.polygon([(x + (middle - y) * 0.12, y) for x, y in p], fill=on if name in lit else off)
    return image.filter(ImageFilter.GaussianBlur(3))


def blend(coverage, ink, paper):
    a = np.asarray(coverage, float) / 255
    return a * ink + (1 - a) * paper


def grain(rng, cells, size=LARGE):
    """Soft noise in -1..1 with so many cells on a side."""
    image = Image.fromarray(rng.uniform(-1, 1, (cells, cells)).astype(np.float32), "F")
    return np.asarray(image.resize((size, size), Image.BICUBIC))


def chalk(coverage, rng):
    """Broken bright strokes on a wiped blackboard."""
    a = np.asarray(coverage, float) / 255
    a = a * (rng.random((LARGE, LARGE)) < 0.72) * (1 + 0.2 * grain(rng, 40))
    return a * 225 + (1 - a) * (58 + 12 * grain(rng, 6) + 6 * grain(rng, 30))


def house_number(digit, font, rng):
    """A dark digit standing off a rough wall, sun from the upper left, seen from below at an angle."""
    face = typeset(digit, font, 150)
    wall = 182 + 16 * grain(rng, 60) + 8 * grain(rng, 9)
    for row in range(0, LARGE, 64):                         # joints of the brickwork
        wall[row:row + 4] -= 28
        for column in range(row % 128 // 2, LARGE, 128):
            wall[row:row + 64, column:column + 4] -= 28
    shade = Image.fromarray(np.roll(np.asarray(face), (16, 14), (0, 1))).filter(ImageFilter.GaussianBlur(4))
    wall = wall * (1 - 0.38 * np.asarray(shade, float) / 255)
    scene = blend(face, 38 + 26 * np.linspace(1, 0, LARGE)[:, None], wall)
    image = Image.fromarray(np.clip(scene, 0, 255).astype(np.uint8))
    corners = (22, 6, 6, 250, 240, 232, 252, 34)            # of the source: NW, SW, SE, NE
    image = image.transform((LARGE, LARGE), Image.QUAD, corners, Image.BICUBIC)
    y, x = np.mgrid[-1:1:LARGE * 1j, -1:1:LARGE * 1j]
    light = 1.02 - 0.22 * (x * 0.6 + y) / 1.6 - 0.14 * (x * x + y * y)
    return np.asarray(image, float) * light + rng.normal(0, 14, (LARGE, LARGE))


def pictures():
    """(file name, f64[LARGE,LARGE] in 0..255) of each picture."""
    rng = np.random.default_rng(1906)
    lamp = 40 * np.exp(-((np.mgrid[0:LARGE, 0:LARGE][0] - 90) ** 2) / 9000)
    yield "0_mono", blend(typeset("0", "mono", 190), 20, 245.0)
    yield "1_chalk", chalk(pen([[(.36, .34), (.44, .28), (.50, .20), (.55, .13)],
                                [(.55, .13), (.54, .40), (.53, .62), (.52, .88)]], 24, rng), rng)
    yield "2_handwritten", blend(pen([[(.27, .32), (.30, .06), (.74, .06), (.70, .36)],
                                      [(.70, .36), (.67, .56), (.38, .72), (.24, .85)],
                                      [(.24, .85), (.42, .80), (.58, .90), (.78, .83)]], 17, rng), 45,
                                 226 + 6 * grain(rng, 8))
    yield "3_serif", blend(typeset("3", "serif", 200), 235, 60 + lamp)
    yield "4_seven_segment", np.asarray(segments("bcfg", 230, 42, 25), float)
    yield "5_handwritten", blend(pen([[(.40, .14), (.37, .26), (.35, .36), (.34, .45)],
                                      [(.34, .45), (.60, .32), (.80, .58), (.66, .76)],
                                      [(.66, .76), (.56, .90), (.34, .88), (.26, .77)],
                                      [(.40, .14), (.50, .15), (.62, .14), (.73, .11)]], 20, rng), 225,
                                 70 + 10 * grain(rng, 5))
    yield "6_house_number", house_number("6", "sans", rng)
    yield "7_script", blend(typeset("7", "script", 190), 70, 190.0 + 10 * grain(rng, 12))
    yield "8_sans", blend(typeset("8", "sans", 180), 10, 130 + 90 * np.linspace(0, 1, LARGE)[None, :])
    yield "9_seven_segment", np.asarray(segments("abcdfg", 35, 178, 190), float)


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "images")
    os.makedirs(folder, exist_ok=True)
    for name, large in pictures():
        small = np.clip(large, 0, 255).reshape(SIZE, LARGE // SIZE, SIZE, LARGE // SIZE).mean((1, 3))
        Image.fromarray(np.rint(small).astype(np.uint8)).save(os.path.join(folder, name + ".png"))


if __name__ == "__main__":
    main()
