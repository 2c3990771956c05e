"""What licenses ask of whoever uses the data, where no registry says so.

Only duties, no decisions: what is allowed is for the pipeline file and the registry to say.

>>> duties("CC-BY-SA-4.0"), duties("CC0-1.0")
(('attribution', 'share-alike'), ())
"""

from typing import Final

ATTRIBUTION: Final = "attribution"
SHARE_ALIKE: Final = "share-alike"
NON_COMMERCIAL: Final = "non-commercial"
NO_DERIVATIVES: Final = "no-derivatives"
LICENSE_NOTICE: Final = "license-notice"
KEEP_OPEN: Final = "keep-open"
DISCLOSE_SOURCE: Final = "disclose-source"

# parts of the ids of Creative Commons licenses, in the order in which duties are noted
_CREATIVE_COMMONS: Final = {
    "BY": ATTRIBUTION,
    "SA": SHARE_ALIKE,
    "NC": NON_COMMERCIAL,
    "ND": NO_DERIVATIVES,
}
_BY_PREFIX: Final[dict[str, tuple[str, ...]]] = {
    "ODC-By-": (ATTRIBUTION,),
    "ODbL-": (ATTRIBUTION, SHARE_ALIKE, KEEP_OPEN),
    "CDLA-Permissive-": (LICENSE_NOTICE,),
    "CDLA-Sharing-": (ATTRIBUTION, SHARE_ALIKE),
    "OGL-": (ATTRIBUTION,),
    "NLOD-": (ATTRIBUTION,),
    "etalab-": (ATTRIBUTION,),
    "DL-DE-BY-": (ATTRIBUTION,),
    "MIT-0": (),
    "MIT": (ATTRIBUTION, LICENSE_NOTICE),
    "ISC": (ATTRIBUTION, LICENSE_NOTICE),
    "Apache-": (ATTRIBUTION, LICENSE_NOTICE),
    "BSD-": (ATTRIBUTION, LICENSE_NOTICE),
    "MPL-": (ATTRIBUTION, LICENSE_NOTICE, SHARE_ALIKE, DISCLOSE_SOURCE),
    "LGPL-": (ATTRIBUTION, LICENSE_NOTICE, SHARE_ALIKE, DISCLOSE_SOURCE),
    "GPL-": (ATTRIBUTION, LICENSE_NOTICE, SHARE_ALIKE, DISCLOSE_SOURCE),
    "AGPL-": (ATTRIBUTION, LICENSE_NOTICE, SHARE_ALIKE, DISCLOSE_SOURCE),
    "GFDL-": (ATTRIBUTION, LICENSE_NOTICE, SHARE_ALIKE),
}


def duties(id: str) -> tuple[str, ...]:
    """The duties of a license by its canonical SPDX id; none where it asks for nothing or is not known here."""
    if id.startswith("CC-"):
        parts = id.split("-")
        return tuple(duty for part, duty in _CREATIVE_COMMONS.items() if part in parts)
    return next((found for prefix, found in _BY_PREFIX.items() if id.startswith(prefix)), ())
