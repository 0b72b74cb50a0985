import io
import struct
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from artsound.errors import Reason
from artsound.media.files import MediaError
from artsound.media.image import UPRIGHT, Picture, decode_image, perceptual_hash, resize
from tests.media.samples import encoded, painted

SAMPLE = Path("data/sample/artworks")


def decode(data: bytes) -> Picture:
    return decode_image(data, max_megapixels=1.0)


def reason_of(data: bytes, max_megapixels: float = 1.0) -> Reason:
    with pytest.raises(MediaError) as error:
        decode_image(data, max_megapixels=max_megapixels)
    assert error.value.detail
    return error.value.reason


def apart(first: str, second: str) -> int:
    return (int(first, 16) ^ int(second, 16)).bit_count()


@pytest.mark.parametrize(("kind", "name"), [("PNG", "png"), ("TIFF", "tiff"), ("WEBP", "webp")])
def test_lossless_formats_decode_to_the_pixels_that_went_in(kind: str, name: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    picture = decode(encoded(painted(), kind, **options))
    assert (picture.format, picture.width, picture.height) == (name, 64, 48)
    assert picture.pixels.dtype == np.uint8
    assert np.array_equal(picture.pixels, np.asarray(painted()))


def test_jpeg_decodes_nearly_to_what_went_in() -> None:
    picture = decode(encoded(painted(), "JPEG", quality=95))
    assert picture.format == "jpg"
    assert np.abs(picture.pixels.astype(int) - np.asarray(painted())).mean() < 4


@pytest.mark.parametrize("kind", ["GIF", "BMP", "ICO"])
def test_other_formats_are_refused(kind: str) -> None:
    assert reason_of(encoded(painted(), kind)) == Reason.UNREADABLE


@pytest.mark.parametrize("data", [b"a text file named .jpg", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"II*\0"])
def test_what_is_no_image_is_unreadable(data: bytes) -> None:
    assert reason_of(data) == Reason.UNREADABLE


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_a_truncated_image_is_unreadable(kind: str) -> None:
    whole = encoded(painted(200, 200), kind)
    for share in (0.3, 0.6, 0.9):
        assert reason_of(whole[: int(len(whole) * share)]) == Reason.UNREADABLE


def test_too_many_pixels_are_refused_before_decoding() -> None:
    data = encoded(Image.new("L", (1001, 1000)))
    cut = data[:60]  # the header alone: decoding would fail as unreadable
    assert reason_of(data) == reason_of(cut) == Reason.TOO_LARGE


def test_a_decompression_bomb_costs_no_warning_and_no_memory() -> None:
    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    idat = struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    assert reason_of(b"\x89PNG\r\n\x1a\n" + chunk + idat, max_megapixels=120) == Reason.TOO_LARGE


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int) -> None:
    upright = painted()
    inverse = {Image.Transpose.ROTATE_90: Image.Transpose.ROTATE_270}
    inverse |= {value: key for key, value in inverse.items()}
    turn = UPRIGHT.get(orientation)
    stored = upright if turn is None else upright.transpose(inverse.get(turn, turn))
    exif = Image.Exif()
    exif[0x0112] = orientation
    for kind in ("PNG", "TIFF"):
        picture = decode(encoded(stored, kind, exif=exif))
        assert (picture.width, picture.height) == upright.size
        assert np.array_equal(picture.pixels, np.asarray(upright))


def test_damaged_exif_does_not_spoil_the_image() -> None:
    assert decode(encoded(painted(), "JPEG", exif=b"Exif\0\0MM\0*garbage")).width == 64


def test_an_icc_profile_is_converted_to_srgb() -> None:
    linear = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    lab = Image.merge(
        "LAB", [Image.new("L", (8, 8), value) for value in (136, 208, 195)]
    )  # sRGB red in L*a*b*
    picture = decode(encoded(lab, "TIFF", icc_profile=linear.tobytes()))
    assert np.abs(picture.pixels.astype(int) - (255, 0, 0)).max() < 12
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert np.array_equal(decode(encoded(painted(), icc_profile=srgb)).pixels, np.asarray(painted()))


@pytest.mark.parametrize("profile", [b"no profile at all", b"\0" * 200])
def test_a_damaged_icc_profile_is_passed_over(profile: bytes) -> None:
    assert np.array_equal(decode(encoded(painted(), icc_profile=profile)).pixels, np.asarray(painted()))


def test_a_profile_of_another_mode_is_passed_over() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    assert decode(encoded(painted().convert("CMYK"), "TIFF", icc_profile=profile)).pixels.shape == (48, 64, 3)


def test_transparency_shows_white() -> None:
    clear = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    half = Image.new("RGBA", (8, 8), (0, 0, 0, 128))
    assert (decode(encoded(clear)).pixels == 255).all()
    assert (decode(encoded(half)).pixels == 127).all()
    grey = Image.new("LA", (8, 8), (0, 0))
    assert (decode(encoded(grey)).pixels == 255).all()


def test_palettes_are_resolved_also_transparent_ones() -> None:
    two = Image.new("P", (2, 1))
    two.putpalette([255, 0, 0, 0, 0, 255])
    two.putdata([0, 1])
    assert decode(encoded(two)).pixels[0].tolist() == [[255, 0, 0], [0, 0, 255]]
    assert decode(encoded(two, transparency=0)).pixels[0].tolist() == [[255, 255, 255], [0, 0, 255]]
    assert decode(encoded(two, transparency=b"\x00\xff")).pixels[0].tolist() == [[255, 255, 255], [0, 0, 255]]


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_keep_their_range(kind: str) -> None:
    ramp = np.array([[0, 257, 32896, 65535]], dtype=np.uint16)
    picture = decode(encoded(Image.fromarray(ramp), kind))
    assert picture.pixels[0].tolist() == [[value] * 3 for value in (0, 1, 128, 255)]


def test_cmyk_grey_and_bilevel_images_become_rgb() -> None:
    cmyk = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    for kind in ("JPEG", "TIFF"):
        assert np.abs(decode(encoded(cmyk, kind)).pixels.astype(int) - (255, 0, 0)).max() <= 3
    assert decode(encoded(Image.new("L", (8, 8), 77))).pixels[0, 0].tolist() == [77, 77, 77]
    assert decode(encoded(Image.new("1", (8, 8), 1))).pixels[0, 0].tolist() == [255, 255, 255]


def test_pixels_without_a_range_are_refused() -> None:
    assert reason_of(encoded(Image.new("F", (8, 8), 0.5), "TIFF")) == Reason.UNREADABLE


def test_the_first_frame_of_many_is_taken() -> None:
    data = encoded(painted(seed=1), "TIFF", save_all=True, append_images=[painted(seed=2)])
    assert np.array_equal(decode(data).pixels, np.asarray(painted(seed=1)))


def test_threads_leave_the_warning_filters_as_they_were() -> None:
    before = warnings.filters[:]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(decode, [encoded(painted(seed=seed), "JPEG") for seed in range(40)]))
    assert warnings.filters == before


@settings(max_examples=150)
@given(
    kind=st.sampled_from(["JPEG", "PNG", "TIFF", "WEBP"]),
    changes=st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), min_size=1, max_size=8
    ),
)
def test_damaged_bytes_decode_or_are_refused_and_nothing_else(
    kind: str, changes: list[tuple[float, int]]
) -> None:
    data = bytearray(encoded(painted(), kind))
    for where, mask in changes:
        data[int(where * len(data))] ^= mask
    refused = None
    try:
        assert decode(bytes(data)).pixels.dtype == np.uint8
    except MediaError as error:
        refused = error.reason
    assert refused in {None, Reason.UNREADABLE, Reason.TOO_LARGE}


def test_the_hash_survives_scaling_recompression_and_brightness() -> None:
    for path in sorted(SAMPLE.glob("*.jpg"))[:6]:
        image = Image.open(io.BytesIO(path.read_bytes())).convert("RGB")
        same = [
            image.resize((image.width * 2 // 3, image.height * 2 // 3), Image.Resampling.LANCZOS),
            Image.open(io.BytesIO(encoded(image, "JPEG", quality=40))),
            image.point(lambda value: min(255, int(value * 0.9 + 10))),
        ]
        first = perceptual_hash(np.asarray(image))
        assert len(first) == 16
        assert all(apart(first, perceptual_hash(np.asarray(other))) <= 6 for other in same)


def test_hashes_of_different_paintings_are_far_apart() -> None:
    hashes = [perceptual_hash(decode(path.read_bytes()).pixels) for path in sorted(SAMPLE.glob("*.jpg"))]
    distances = [apart(a, b) for number, a in enumerate(hashes) for b in hashes[:number]]
    assert min(distances) > 8
    assert 28 < np.mean(distances) < 34


def test_flat_images_have_one_hash() -> None:
    flat = [np.full((40, 50, 3), value, np.uint8) for value in (1, 77, 255)]
    assert len({perceptual_hash(pixels) for pixels in flat}) == 1


def test_resize_gives_height_and_width_and_keeps_flat_colour() -> None:
    flat = np.full((40, 50, 3), (10, 20, 30), np.uint8)
    assert (resize(flat, (7, 9)) == (10, 20, 30)).all()
    assert resize(flat, (7, 9)).shape == (7, 9, 3)
