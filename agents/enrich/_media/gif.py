"""GIF (GIF89a specification, 1990) without metadata: extensions are left out, the compressed pixels stay as they are.

Of a GIF stay the screen, its colours, the pictures with their times, how often they are shown, and the colour profile
where `Scrub` allows it. Comments, XMP, text to be drawn, other applications' data and what stands behind the compressed
pixels or behind the end do not.
"""

from typing import Final

from penstock.agents.enrich._media.scrubbing import ICC, TRAILING, Scrub, malformed, truncated

_IMAGE, _EXTENSION, _END = 0x2C, 0x21, 0x3B
_TEXT, _CONTROL, _COMMENT, _APPLICATION = 0x01, 0xF9, 0xFE, 0xFF
_LOOPS: Final = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
_PROFILE: Final = b"ICCRGBG1012"
_NAMES: Final = {b"XMP DataXMP": "XMP", b"MGK8BIM0000": "Photoshop", b"MGKIPTC0000": "IPTC", _PROFILE: ICC}
_LOOP: Final = "AnimationIterations"
_WIDEST: Final = 12  # bits of a code
_CODES_AT_ONCE: Final = 4096


class _Gif:
    """One file being scrubbed: what stays of it, and where it is read."""

    def __init__(self, data: bytes, scrub: Scrub) -> None:
        self.data = data
        self.scrub = scrub
        self.at = 0
        self.out: list[bytes] = []
        self.control = b""
        self.looped = False
        self.pictures = 0

    def take(self, length: int) -> bytes:
        """So many bytes. Raises EnrichmentError where there are fewer."""
        found = self.data[self.at : self.at + length]
        if len(found) < length:
            raise truncated()
        self.at += length
        return found

    def blocks(self) -> list[bytes]:
        """The blocks up to the empty one that ends them."""
        found = []
        while length := self.take(1)[0]:
            found.append(self.take(length))
        return found

    def colours(self, packed: int) -> bytes:
        """The table of colours that `packed` says follows."""
        return self.take(3 << (packed & 7) + 1) if packed & 0x80 else b""


def scrub_gif(data: bytes, scrub: Scrub) -> bytes:
    """The GIF without its metadata. Raises EnrichmentError."""
    gif = _Gif(data, scrub)
    start = gif.take(13)
    scrub.check(int.from_bytes(start[6:8], "little"), int.from_bytes(start[8:10], "little"))
    gif.out += (start, gif.colours(start[10]))
    while gif.at < len(data) or not gif.pictures:  # many a writer leaves the end out
        kind = gif.take(1)[0]
        if kind == _END:
            break
        if kind == _IMAGE:
            _picture(gif)
        elif kind == _EXTENSION:
            _extension(gif)
        elif kind:  # zeros between blocks are passed over, as readers do
            raise malformed("a block is of no known kind")
    if not gif.pictures:
        raise malformed("it has no pixels")
    if gif.at < len(data):
        scrub.remove(TRAILING)
    return b"".join((*gif.out, bytes((_END,))))


def _picture(gif: _Gif) -> None:
    place = gif.take(9)
    gif.scrub.check(int.from_bytes(place[4:6], "little"), int.from_bytes(place[6:8], "little"))
    colours = gif.colours(place[8])
    size = gif.take(1)
    if not 1 <= size[0] < _WIDEST:
        raise malformed("its pixels are compressed with codes of no size that there is")
    blocks = gif.blocks()
    codes = b"".join(blocks)
    used = _length(codes, size[0])
    if used < len(codes):
        gif.scrub.remove(TRAILING)
        blocks = _cut(blocks, used)
    gif.out += (gif.control, b"\x2c", place, colours, size, *(bytes((len(block),)) + block for block in blocks), b"\0")
    gif.control = b""
    gif.pictures += 1


def _extension(gif: _Gif) -> None:
    label = gif.take(1)[0]
    blocks = gif.blocks()
    if label == _CONTROL:
        if [len(block) for block in blocks] != [4]:
            raise malformed("what tells a picture's time has another length")
        gif.control = b"\x21\xf9\x04" + blocks[0] + b"\0"
    elif label == _TEXT:
        gif.control = b""  # it was the text's
        gif.scrub.remove("PlainText")
    elif label == _COMMENT:
        gif.scrub.remove("Comment")
    elif label == _APPLICATION:
        _application(gif, blocks[0] if blocks else b"", blocks[1:])
    else:
        gif.scrub.remove(f"0x21{label:02x}")


def _application(gif: _Gif, name: bytes, blocks: list[bytes]) -> None:
    """Keep how often an animation is shown, and a colour profile; note anything else."""
    loop = next((block for block in blocks if len(block) == 3 and block[0] == 1), b"")
    if name in _LOOPS and loop and not gif.looped:
        gif.looped = True
        gif.out += (b"\x21\xff\x0b", name, b"\x03", loop, b"\0")
        gif.scrub.preserved.setdefault(_LOOP)
        if len(blocks) > 1:
            gif.scrub.remove("ApplicationExtension")
    elif name == _PROFILE and gif.scrub.keeps(b"".join(blocks)):
        gif.out += (b"\x21\xff\x0b", name, *(bytes((len(block),)) + block for block in blocks), b"\0")
    else:
        gif.scrub.remove(_NAMES.get(name, "ApplicationExtension"))


def _cut(blocks: list[bytes], length: int) -> list[bytes]:
    """The blocks up to so many bytes."""
    kept = []
    for block in blocks:
        if length <= 0:
            break
        kept.append(block[:length])
        length -= len(block)
    return kept


def _length(data: bytes, size: int) -> int:
    """How many bytes the codes are, up to the one that ends them; all where none does.

    How wide a code is follows from how many there were since the last one that cleared the table (appendix F of the
    specification), so that all of one width are looked at together.
    """
    clear, bits = 1 << size, 8 * len(data)
    at = 0
    while at < bits:
        count, width = 0, size + 1
        while True:
            # the table is full at 12 bits: these go on until it is cleared
            last = (1 << width) - clear - 1 if width < _WIDEST else count + _CODES_AT_ONCE
            number = min(last - count, (bits - at) // width)
            if number <= 0:
                return len(data)
            found, ends = _first(data, at, number, width, clear)
            if found is not None:
                at += (found + 1) * width
                break
            at, count = at + number * width, last
            width = min(width + 1, _WIDEST)
        if ends:
            return -(-at // 8)
    return len(data)


def _first(data: bytes, at: int, number: int, width: int, clear: int) -> tuple[int | None, bool]:
    """Which of the codes from bit `at` is the first that clears or ends, and whether it ends; None where none does."""
    end = at + number * width
    value = int.from_bytes(data[at // 8 : -(-end // 8)], "little") >> at % 8 & (1 << number * width) - 1
    # the first code is the last in the text; both codes that are looked for are alike but for their last digit
    form, bits = ("x", 4) if width % 4 == 0 else ("b", 1)
    digits = width // bits
    text = f"{value:0{number * digits}{form}}"
    wanted = f"{clear:0{digits}{form}}"[:-1]
    stop = len(text)
    while (place := text.rfind(wanted, 0, stop)) >= 0:
        behind = len(text) - place
        code = int(text[place : place + digits], 1 << bits)
        if behind % digits == 0 and clear <= code <= clear + 1:
            return behind // digits - 1, code != clear
        stop = place + digits - 2
    return None, False
