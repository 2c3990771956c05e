"""coordinates: latitude and longitude exact enough to name a house, in degrees with four decimals and more.

They are personal where they are somebody's: looked for where asked for only.

>>> validate("52.520008, 13.404954"), validate("152.520008, 13.404954")
(True, False)
"""

import re
from typing import Final

CATEGORY: Final = "coordinates"
SEVERITY: Final = "medium"
BY_DEFAULT: Final = False
CONFIDENCE: Final = (0.8,)

CANDIDATE: Final = (rb"[0-9]{1,2}\.[0-9]{4,12}[^0-9A-Za-z_.]{1,4}[0-9]{1,3}\.[0-9]{4}",)
EXACT: Final = (
    re.compile(
        r"(?<![0-9A-Za-z_.\-+])[+\-]?[0-9]{1,2}\.[0-9]{4,12}(?:,[ ]{0,2}|[ ;/]{1,3})[+\-]?[0-9]{1,3}\.[0-9]{4,12}"
        r"(?![0-9A-Za-z_])(?!\.[0-9])"
    ),
)
FIELD_NAMES: Final = (
    "coordinates",
    "geolocation",
    "gps",
    "lat_long",
    "lat_lng",
    "latlng",
    "latitude",
    "longitude",
    "lat",
    "lng",
    "lon",
)
FIELD_VALUE: Final = re.compile(r"\s*[+\-]?[0-9]{1,3}\.[0-9]{2,15}(?:[ ,;]{1,3}[+\-]?[0-9]{1,3}\.[0-9]{2,15})?\s*")

_NUMBER: Final = re.compile(r"[+\-]?[0-9]{1,3}\.[0-9]+")
_DECIMALS: Final = re.compile(r"(\.[0-9])[0-9]+")


def validate(text: str) -> bool:
    """Whether the first is a latitude and the second a longitude."""
    latitude, longitude = (float(number) for number in _NUMBER.findall(text))
    return abs(latitude) <= 90 and abs(longitude) <= 180


def generalise(text: str) -> str:
    """With one decimal, which is a district of some eleven kilometres.

    >>> generalise("52.520008, 13.404954")
    '52.5, 13.4'
    """
    return _DECIMALS.sub(r"\1", text)


EXAMPLES: Final = {
    "positive": (
        "52.520008, 13.404954",
        "40.7128,-74.0060",
        "-33.868820, 151.209296",
        "at 48.8566 2.3522",
        "51.5074;-0.1278",
    ),
    "negative": (
        "152.520008, 13.404954",
        "52.5, 13.4",
        "52.520008",
        "1.2.3.4, 5.6.7.8",
        "52.520008, 213.404954",
        "12.5000 of 100.00",
    ),
}
