"""The values of the demo's records: drawn from the number of the record, valid where they look it, and nobody's.

================  ===================================================================================================
mail addresses    at example.com, .org and .net (RFC 2606)
telephone         numbers that the regulators of the countries keep for fiction, all valid to libphonenumber
payment cards     the test numbers of the card networks; wrong ones have another last digit
IBAN              German and British with account numbers of our own and right check digits, and printed examples
SSN               area 890 to 899, with group and serial number not zero
IP addresses      from ``networks.csv``, and private ones; the bits that `redact` cuts off are not all zero
================  ===================================================================================================
"""

from collections.abc import Sequence
from functools import cache
from hashlib import shake_128
from ipaddress import IPv6Address
from itertools import pairwise
from typing import Final, TypeVar

from penstock.cli.demo.networks import networks

T = TypeVar("T")

_PHONES: Final = (
    # country code, the rest with blanks, digits that are free at its end
    ("+44", "20 7946 0", 3),  # Ofcom
    ("+49", "30 23125 ", 3),  # Bundesnetzagentur
    ("+33", "1 99 00 ", 4),  # ARCEP
    ("+1", "212-555-01", 2),  # North American Numbering Plan
    ("+1", "415-555-01", 2),
    ("+1", "416-555-01", 2),
    ("+61", "2 5550 ", 4),  # ACMA
    ("+46", "8 465 00", 3),  # PTS: 08-465 004 00 to 99
)
_CARDS: Final = (
    "4111111111111111",
    "4012888888881881",
    "4242424242424242",
    "5555555555554444",
    "5105105105105100",
    "2223003122003222",
    "378282246310005",
    "371449635398431",
    "6011111111111117",
    "3530111333300000",
)
_IBANS: Final = (
    "FR1420041010050500013M02606",
    "ES9121000418450200051332",
    "IT60X0542811101000000123456",
    "PT50000201231234567890154",
    "NL91ABNA0417164300",
    "AT611904300234573201",
    "CH9300762011623852957",
    "PL61109010140000071219812874",
)
_DOMAINS: Final = ("example.com", "example.org", "example.net", "mail.example.com", "support.example.org")


class Draw:
    """Numbers that depend on seed and index alone: one large number, taken apart digit by digit.

    Drawing past its end would give zeros; the longest record takes about half of it.
    """

    __slots__ = ("_rest", "planted")

    def __init__(self, seed: int, index: int) -> None:
        self._rest = int.from_bytes(shake_128(b"%d:%d" % (seed, index)).digest(128), "little")
        self.planted: list[tuple[str, str]] = []

    @property
    def left(self) -> int:
        """Bits not used yet."""
        return self._rest.bit_length()

    def below(self, bound: int) -> int:
        self._rest, digit = divmod(self._rest, bound)
        return digit

    def pick(self, items: Sequence[T]) -> T:
        return items[self.below(len(items))]

    def chance(self, percent: int) -> bool:
        return self.below(100) < percent

    def plant(self, category: str, value: str) -> str:
        """Note that `value` is one that `redact` has to find."""
        self.planted.append((category, value))
        return value

    def email(self, name: str) -> str:
        form = self.pick(("{}.{}@{}", "{}_{}@{}", "{}+{}@{}"))
        return self.plant("email", form.format(name, self.below(10_000), self.pick(_DOMAINS)))

    def phone(self) -> str:
        country, rest, free = self.pick(_PHONES)
        number = f"{country} {rest}{self.below(10**free):0{free}d}"
        if country == "+46":
            number = f"{number[:-3]}4{number[-2:]}"
        if self.chance(50):
            number = number.replace(" ", "").replace("-", "")
        return self.plant("phone", number)

    def card(self, valid: bool = True) -> str:
        digits = self.pick(_CARDS)
        if not valid:  # any other last digit fails Luhn's check
            digits = f"{digits[:-1]}{(int(digits[-1]) + 1 + self.below(9)) % 10}"
        gap = self.pick(("", " ", "-"))
        if gap:
            ends = (0, 4, 10, 15) if len(digits) == 15 else (0, 4, 8, 12, 16)
            digits = gap.join(digits[first:last] for first, last in pairwise(ends))
        return self.plant("credit_card", digits) if valid else digits

    def iban(self, valid: bool = True) -> str:
        kind = self.below(3)
        if kind == 0:
            number = _checked("DE", f"37040044{self.below(10**10):010d}")
        elif kind == 1:
            number = _checked("GB", f"NWBK601613{self.below(10**8):08d}")
        else:
            number = self.pick(_IBANS)
        if not valid:
            number = f"{number[:2]}{(int(number[2:4]) + 1 + self.below(90)) % 97:02d}{number[4:]}"
        if self.chance(40):
            number = " ".join(number[first : first + 4] for first in range(0, len(number), 4))
        return self.plant("iban", number) if valid else number

    def ssn(self) -> str:
        return self.plant("ssn", f"89{self.below(10)}-{1 + self.below(99):02d}-{1 + self.below(9999):04d}")

    def ip(self) -> str:
        """A public address, one in four of version 6."""
        base, size = self.pick(_bases()[1 if self.chance(25) else 0])
        return self.plant("ip", self._six(base, size) if base >> 32 else self._four(base, size))

    def private_ip(self) -> str:
        base, size = self.pick(
            ((0x0A000000, 1 << 24), (0xAC100000, 1 << 20), (0xC0A80000, 1 << 16), (0xFD00 << 112, 0))
        )
        return self.plant("ip", self._six(base, 1 << 80) if base >> 32 else self._four(base, size))

    def _four(self, base: int, size: int) -> str:
        number = base + (self.below(size >> 8) << 8) + 1 + self.below(254)
        return f"{number >> 24}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"

    def _six(self, base: int, size: int) -> str:
        return str(
            IPv6Address(base + (self.below(size >> 80) << 80) + (self.below(1 << 16) << 64) + 1 + self.below(1 << 32))
        )


@cache
def _bases() -> tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]:
    """First address and size of the public ranges of version 4, and of version 6."""
    ranges = [entry.network for entry in networks()]
    four = tuple((int(net.network_address), net.num_addresses) for net in ranges if net.version == 4)
    return four, tuple((int(net.network_address), net.num_addresses) for net in ranges if net.version == 6)


def _checked(country: str, account: str) -> str:
    """The account number with country and check digits in front (ISO 13616: mod 97)."""
    rest = int("".join(str(int(char, 36)) for char in f"{account}{country}00")) % 97
    return f"{country}{98 - rest:02d}{account}"
