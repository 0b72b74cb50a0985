"""Images: bytes to sRGB pixels, whatever the file's orientation, colour space or depth."""

import io
import struct
import threading
import warnings
import zlib
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageCms
from PIL.Image import Transpose
from scipy import fft

from artsound.errors import Reason
from artsound.media.files import MediaError

FORMATS = {
    "JPEG": "jpg",
    "MPO": "jpg",
    "PNG": "png",
    "WEBP": "webp",
    "TIFF": "tiff",
}  # MPO: JPEG with previews
ORIENTATION = 0x0112  # EXIF tag
UPRIGHT = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}
DAMAGE = (
    *(OSError, SyntaxError, ValueError, EOFError, KeyError, IndexError, TypeError, OverflowError),
    *(AttributeError, AssertionError, RuntimeError, struct.error, zlib.error, MemoryError),
)  # what Pillow's parsers were seen to raise on damaged files

Image.MAX_IMAGE_PIXELS = None  # `decode_image` has its own limit, which is a setting; Pillow's only warns


class _Quiet:
    """Silences Pillow's warnings while any thread decodes; `catch_warnings` alone mixes up restores."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._filters = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._filters = warnings.catch_warnings()
                self._filters.__enter__()
                warnings.filterwarnings("ignore", module=r"PIL\.")
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._filters.__exit__(None, None, None)


_QUIET = _Quiet()


@dataclass(frozen=True)
class Picture:
    """A decoded image, upright."""

    pixels: UInt8[np.ndarray, "height width 3"]  # sRGB
    format: str  # jpg, png, webp or tiff
    width: int
    height: int


def decode_image(data: bytes, *, max_megapixels: float) -> Picture:
    """Decode an image fully: orientation applied, colours in sRGB, transparency on white, first frame only.

    Raises:
        MediaError: not an image of the accepted formats, damaged, cut short (UNREADABLE), or TOO_LARGE.
    """
    with _QUIET:
        image = _opened(data)
        if image.width * image.height > max_megapixels * 1e6:
            size = f"{image.width} × {image.height} pixels"
            raise MediaError(Reason.TOO_LARGE, f"{size}, the limit is {max_megapixels:g} megapixels")
        kind = FORMATS[image.format or ""]
        try:
            image.load()
            turned = UPRIGHT.get(_orientation(image))
            upright = image.transpose(turned) if turned is not None else image
            pixels = np.asarray(_on_white(upright))
        except DAMAGE as error:
            raise MediaError(Reason.UNREADABLE, f"damaged {kind}: {error}") from error
    height, width, _ = pixels.shape
    return Picture(pixels, kind, width, height)


def resize(pixels: UInt8[np.ndarray, "h w 3"], size: tuple[int, int]) -> UInt8[np.ndarray, "height width 3"]:
    """Scale to exactly (height, width) by an antialiased bicubic filter."""
    height, width = size
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC))


def perceptual_hash(pixels: UInt8[np.ndarray, "height width 3"]) -> str:
    """Hash what an image looks like: 64 bits as 16 hex digits; near-equal images differ in few bits.

    The 8 × 8 lowest DCT coefficients of the 32 × 32 grey image, row by row; a bit says: above their median.
    Coefficients are rounded first, so that a flat image has a clean hash.
    """
    grey = Image.fromarray(pixels).convert("L").resize((32, 32), Image.Resampling.LANCZOS)
    low = np.round(fft.dctn(np.asarray(grey, dtype=np.float64), norm="ortho")[:8, :8], 3)
    return np.packbits(low > np.median(low)).tobytes().hex()


def _opened(data: bytes) -> Image.Image:
    """Read the header only."""
    try:
        return Image.open(io.BytesIO(data), formats=["JPEG", "PNG", "WEBP", "TIFF"])
    except DAMAGE as error:
        raise MediaError(Reason.UNREADABLE, "not a jpg, png, webp or tiff image, or damaged") from error


def _orientation(image: Image.Image) -> int:
    """Read the EXIF orientation; damaged EXIF data does not spoil the image."""
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except DAMAGE:
        return 1


def _on_white(image: Image.Image) -> Image.Image:
    """Convert any mode to sRGB; transparent parts show white."""
    if image.mode.startswith("I"):  # 16 bits, also where Pillow widens them to 32
        grey = np.clip(np.asarray(image, dtype=np.float64), 0, 65535) / 257
        return Image.fromarray(np.round(grey).astype(np.uint8)).convert("RGB")
    if image.mode == "F":
        raise ValueError("floating-point pixels have no stated range")
    alpha = image.convert("RGBA").getchannel("A") if image.has_transparency_data else None
    colour = _in_srgb(image.convert("RGB") if alpha or image.mode in {"P", "1"} else image, image)
    if alpha is None:
        return colour
    return Image.composite(colour, Image.new("RGB", colour.size, "white"), alpha)


def _in_srgb(image: Image.Image, source: Image.Image) -> Image.Image:
    """Apply the embedded ICC profile; one that is damaged or of another mode is passed over."""
    if embedded := source.info.get("icc_profile"):
        with suppress(ImageCms.PyCMSError, OSError, ValueError, TypeError):
            profile = ImageCms.getOpenProfile(io.BytesIO(embedded))
            if not ImageCms.getProfileDescription(profile).startswith("sRGB"):
                target = ImageCms.createProfile("sRGB")
                if made := ImageCms.profileToProfile(image, profile, target, outputMode="RGB"):
                    return made
    return image.convert("RGB")
