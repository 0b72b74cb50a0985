"""MPEG audio, layer III: where its frames begin, for files that are more than one clean stream."""

import re

_KBPS = {  # by the bit of the header that says: MPEG 1
    True: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    False: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = {
    3: (44_100, 48_000, 32_000),
    2: (22_050, 24_000, 16_000),
    0: (11_025, 12_000, 8_000),
}  # Hz, by version
_HEAD = re.compile(rb"\xff[\xe2\xe3\xf2\xf3\xfa\xfb][\x10-\xef].", re.DOTALL)
IN_A_ROW = (
    3  # frames that follow each other before bytes count as a stream: noise looks like one frame at times
)


def next_frame(data: bytes, start: int) -> int | None:
    """Find the first of `IN_A_ROW` frames at or after a position; None when there is no such place."""
    found = (match.start() for match in _HEAD.finditer(data, start))
    return next((at for at in found if _in_a_row(data, at)), None)


def _in_a_row(data: bytes, at: int) -> bool:
    first = data[at : at + 4]
    for _ in range(IN_A_ROW):
        head = data[at : at + 4]
        length = frame_length(head)
        if not length or head[1] & 0x1E != first[1] & 0x1E or (head[2] ^ first[2]) & 0x0C:
            return False  # no frame, or one of another version or rate
        at += length
    return True


def frame_length(head: bytes) -> int:
    """Return the bytes of a frame by its first four; 0 for what begins none.

    Source:
        ISO/IEC 11172-3, 2.4.1.3; MPEG 2 and 2.5 have half the samples in a frame.
    """
    version, rate = (head[1] >> 3 & 3, head[2] >> 2 & 3) if len(head) == 4 and _HEAD.match(head) else (1, 3)
    if version == 1 or rate == 3:
        return 0
    kbps = _KBPS[version == 3][head[2] >> 4]
    return (144 if version == 3 else 72) * kbps * 1000 // _RATES[version][rate] + (head[2] >> 1 & 1)
