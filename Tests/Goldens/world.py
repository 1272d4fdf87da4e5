"""Writes World/: what the prototype of the world, world.py, draws and how it moves, without any chance but the background's.

Run with numpy installed: python world.py FOLDER, the folder of the prototype's world.py. The Swift tests only read the files.

pictures.png has the pictures of world.json one below another, 64 x 64 each.
"""

import json
import pathlib
import struct
import sys
import zlib

import numpy as np

sys.path.insert(0, sys.argv[1])
import world

here = pathlib.Path(__file__).parent / "World"
here.mkdir(exist_ok=True)


class Fixed:
    """A source of chance that always draws the same: `draw` of -1 to 1, scaled to what is asked for."""

    def __init__(self, draw):
        self.draw = draw

    def uniform(self, low, high):
        return (low + high) / 2 + self.draw * (high - low) / 2


def short(values):
    return [round(float(value), 9) for value in values]


names = world.BASE + world.HELD + world.EXTRA
trajectories = []
for draw in (0.0, 0.5, -0.75):
    for name in names:
        x, y, s, r = (np.asarray(q, float) * np.ones(world.F) for q in world.motion(name, Fixed(draw)))
        trajectories.append(dict(motion=name, draw=draw, x=short(x), y=short(y), scale=short(s), rotation=short(r)))

chances = [[i, s, float(world.fract_hash(i, s))] for i in (0, 1, 7, 113, 991, 4096) for s in (0, 1, 33, 63)]

colours, places = list(world.COLORS), list(world.CONTEXTS)
pictures, pixels = [], []
# Every subject in three or four colours (all pairs that change a detail among them), every place in two variants.
special = {"ball": ["white"], "cat": ["red"], "flower": ["yellow"]}
number = 0
for i, subject in enumerate(world.SUBJECTS):
    for colour in sorted({colours[(i + k) % 8] for k in (0, 3, 5)} | set(special.get(subject, []))):
        place, variant = places[number % 8], (number * 11 + number // 8) % 64
        x, y = 0.5 + 0.22 * np.sin(number), 0.5 + 0.2 * np.cos(1.7 * number)
        size, rotation = 0.09 + 0.16 * (number * 7 % 10) / 10, (0.0 if number % 3 == 0 else 0.6 * number)
        if number % 13 == 5:
            x = 0.97  # cut by the edge
        # Of single precision, as they will be read.
        x, y, size, rotation = (float(np.float32(q)) for q in (x, y, size, rotation))
        image = world.draw(
            world.background(place, variant), subject, colour, np.float64(x), np.float64(y), np.float64(size), rotation)
        pixels.append((image * 255 + 0.5).clip(0, 255).astype(np.uint8))
        pictures.append(
            dict(subject=subject, colour=colour, place=place, variant=variant, x=x, y=y, size=size, rotation=rotation))
        number += 1

captions = []
for subject, colour, place, motion in [("ball", "red", "grass", "zigzagging"), ("car", "orange", "sea", "sliding left")]:
    for x, y, s in [(0.2, 0.2, 0.1), (0.5, 0.5, 0.18), (0.8, 0.9, 0.25)]:
        m = dict(sub=subject, color=colour, ctx=place, mot=motion, x=[x], y=[y], s=[s])
        captions.append(
            dict(subject=subject, colour=colour, place=place, motion=motion, x=x, y=y, size=s,
                 caption=world.caption(m), dense=world.dense(m, 0)))

json.dump(
    dict(trajectories=trajectories, chances=chances, pictures=pictures, captions=captions, words=world.words()),
    open(here / "world.json", "w"), indent=None, separators=(",", ":"))


def png(image):
    """An RGB picture as the bytes of a PNG file."""
    height, width, _ = image.shape
    rows = b"".join(b"\x00" + row.tobytes() for row in image)
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks)


(here / "pictures.png").write_bytes(png(np.concatenate(pixels, 0)))
print(len(pictures), "pictures,", len(trajectories), "trajectories")
