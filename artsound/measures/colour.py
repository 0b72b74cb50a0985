"""Colour of an image: CIE L*a*b*, a palette of named colours, warmth."""

from functools import cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, UInt8
from scipy.spatial import cKDTree

# Typical members of each named colour in sRGB; a pixel bears the name of the member nearest in L*a*b*
NAMED = {
    "black": ("000000", "1c1a18", "181c22"),
    "grey": ("505050", "787878", "a0a0a0", "c0c0c0", "8a8f92", "6f6a64"),
    "white": ("ffffff", "f2f2f2", "e4e4e4"),
    "beige": ("f3e8d2", "e0d0b0", "cdb890", "b8a888"),
    "dark brown": ("2c1c14", "3a2416", "483020", "40342a"),
    "brown": ("5a3a22", "6e4526", "80542f", "6e5840"),
    "tan": ("94704c", "a68058", "b8946c", "8c7860"),
    "ochre": ("cc8822", "b8862c", "d8a848", "a87820"),
    "red": ("ff0000", "d02020", "b03030", "8c1a1a", "601010", "c04a3a"),
    "orange": ("ff7f00", "e8762c", "f09048", "d86818"),
    "yellow": ("ffff00", "f2d838", "f0e070", "e8d098"),
    "olive": ("6b6b2f", "88863c", "4c4c24", "9a9a60"),
    "green": ("00ff00", "00a000", "2e8b57", "1f5c2e", "5a8a48", "90c080", "243c28", "708c70"),
    "turquoise": ("00ffff", "40c0b8", "2a8a8a", "185858", "90d0cc"),
    "blue": ("0000ff", "2a52be", "3a6ea8", "1c3468", "5080d0", "101c48", "506c90"),
    "light blue": ("a8c8e8", "88b0d8", "b8d0e0", "98b0c4"),
    "purple": ("800080", "6a3d9a", "9070b8", "4a2060", "b060c8", "705878"),
    "pink": ("ffc0cb", "e890a8", "ff69b4", "d88898", "f0d0d0", "c87880"),
}


class Tone(NamedTuple):
    """Bounds of what people call by a name, whichever named colour is nearest."""

    lightness: tuple[float, float]  # L*
    chroma: tuple[float, float]  # C*ab
    hue: tuple[float, float] = (0.0, 360.0)  # degrees


# wide, and they overlap: cream passes for white, a varnished dark for black as well as for brown
TONES = {
    "black": Tone((0, 30), (0, 15)),
    "brown": Tone((8, 65), (8, 45), (15, 100)),
    "grey": Tone((15, 82), (0, 14)),
    "white": Tone((70, 101), (0, 20)),
}


def lab(pixels: UInt8[np.ndarray, "height width 3"]) -> Float32[np.ndarray, "height width 3"]:
    """Convert sRGB to CIE L*a*b* under D65.

    Source:
        IEC 61966-2-1 for sRGB; CIE 15 for L*a*b*.
    """
    value = np.arange(256) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)[pixels]
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    relative = linear @ (to_xyz / to_xyz.sum(axis=1, keepdims=True)).T  # white is 1, 1, 1
    root = np.where(relative > (6 / 29) ** 3, np.cbrt(relative), relative * (29 / 6) ** 2 / 3 + 4 / 29)
    x, y, z = np.moveaxis(root, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1).astype(np.float32)


def names(colours: Float32[np.ndarray, "height width 3"]) -> np.ndarray:
    """Name every pixel: positions in `NAMED`."""
    tree, owner = _members()
    _, nearest = tree.query(colours.reshape(-1, 3))
    found: np.ndarray = owner[nearest].reshape(colours.shape[:2])
    return found


def palette(named: np.ndarray) -> dict[str, float]:
    """Give the share of the area of each named colour that occurs, largest first, ties by name."""
    counts = np.bincount(named.ravel(), minlength=len(NAMED)) / named.size
    shares = {name: float(share) for name, share in zip(NAMED, counts, strict=True) if share}
    return dict(sorted(shares.items(), key=lambda item: (-item[1], item[0])))


def tones(colours: Float32[np.ndarray, "height width 3"]) -> dict[str, float]:
    """Give the share of the area that may be called black, brown, grey or white; the shares overlap."""
    light, strong = colours[..., 0], chroma(colours)
    hue = np.degrees(np.arctan2(colours[..., 2], colours[..., 1])) % 360
    return {
        name: float(
            np.mean(
                _within(light, tone.lightness) & _within(strong, tone.chroma) & _within(hue, tone.hue),
                dtype=np.float64,
            )
        )
        for name, tone in TONES.items()
    }


def _within(values: np.ndarray, bounds: tuple[float, float]) -> np.ndarray:
    return (values >= bounds[0]) & (values <= bounds[1])


def chroma(colours: Float32[np.ndarray, "height width 3"]) -> Float32[np.ndarray, "height width"]:
    """Give C*ab: the distance from grey."""
    return np.asarray(np.hypot(colours[..., 1], colours[..., 2]), dtype=np.float32)


def warmth(colours: Float32[np.ndarray, "height width 3"]) -> float:
    """Give the chroma-weighted mean of cos(hue − 60°): 1 is all orange, −1 all blue, 0 balanced or grey."""
    total = float(chroma(colours).sum(dtype=np.float64))
    if total < 1e-3 * colours[..., 0].size:
        return 0.0
    towards = np.cos(np.deg2rad(60)) * colours[..., 1] + np.sin(np.deg2rad(60)) * colours[..., 2]
    return float(towards.sum(dtype=np.float64)) / total


@cache
def _members() -> tuple[cKDTree, np.ndarray]:
    members = [(number, member) for number, some in enumerate(NAMED.values()) for member in some]
    rgb = np.array([[list(bytes.fromhex(member)) for _, member in members]], dtype=np.uint8)
    return cKDTree(lab(rgb)[0]), np.array([number for number, _ in members])
