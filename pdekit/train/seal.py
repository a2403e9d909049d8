"""A checksum in the file that it is of, so that a byte that has changed on the disk or on the way is noticed.

CRC-32 (ISO 3309, the one of zlib, gzip and PNG) of all bytes, its own eight digits read as zeros: it finds any change
within 32 bits in a row, and overlooks one in 2**32 of the others. It is a guard against bad disks, not against forgers.
"""

import re
from pathlib import Path
from zlib import crc32

NOTE = {"checksum": "crc32-00000000"}
"""What a content that is to be sealed must say, as JSON."""
CHUNK = 2**24  # bytes read at a time; the note is in the first
_DIGITS = re.compile(rb'"checksum": ?"crc32-([0-9a-f]{8})"')  # within a JSON text its quotes would be escaped


def seal(content: bytes) -> bytes:
    """`content`, in which `NOTE` is, with its checksum there."""
    start, stop = _DIGITS.search(content, 0, CHUNK).span(1)
    view = memoryview(content)
    value = crc32(view[stop:], crc32(b"%08d" % 0, crc32(view[:start])))
    return b"".join((view[:start], b"%08x" % value, view[stop:]))


def damage(file: Path) -> str:
    """What has befallen the sealed `file`, empty if nothing has. OSError if it cannot be read."""
    with file.open("rb") as opened:
        first = memoryview(opened.read(CHUNK))
        found = _DIGITS.search(first)
        if found is None:
            return "bytes without a checksum"
        start, stop = found.span(1)
        value = crc32(first[stop:], crc32(b"%08d" % 0, crc32(first[:start])))
        while chunk := opened.read(CHUNK):
            value = crc32(chunk, value)
    written = found[1].decode()
    return "" if f"{value:08x}" == written else f"others: their CRC-32 is {value:08x}, it was {written}"
