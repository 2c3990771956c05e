"""generalise: put something wider in place of a match that is true as well, as its network for an address."""

from penstock.agents.redact._recognizer import Recognizer
from penstock.agents.redact._secret import Secret
from penstock.agents.redact._strategy import Replace
from penstock.model.errors import ConfigurationError


def build(recognizer: Recognizer, secret: Secret | None) -> Replace:
    """As the recognizer generalises. Raises ConfigurationError if it cannot."""
    if recognizer.generalise is None:
        raise ConfigurationError(
            f"redact: {recognizer.category} cannot be generalised", hint="take mask, hash, remove or keep"
        )
    return recognizer.generalise
