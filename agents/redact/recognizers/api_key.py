"""api_key: keys of services by the form that their makers gave them, and others behind words that say so.

AWS, GitHub, GitLab, Slack, Stripe, Google, OpenAI, Anthropic, SendGrid, npm, PyPI, Hugging Face, DigitalOcean, Shopify,
Twilio and Telegram mark theirs with a prefix.

>>> validate("AKIAIOSFODNN7EXAMPLE"), validate("aaaaaaaaaaaaaaaaaaaa")
(True, False)
"""

import re
from typing import Final

from penstock.agents.redact._context import candidate, told

CATEGORY: Final = "api_key"
SEVERITY: Final = "critical"
CONFIDENCE: Final = (0.95, 0.8)
TOLD: Final = (1,)

_W: Final = "[0-9A-Za-z_-]"
_FORMS: Final = (
    "A(?:KIA|SIA)[0-9A-Z]{16}",
    "gh[opsur]_[0-9A-Za-z]{36,251}",
    "github_pat_[0-9A-Za-z_]{22,251}",
    f"glpat-{_W}{{20,64}}",
    "xox[abeoprs]-[0-9A-Za-z-]{10,250}",
    "[prs]k_(?:live|test)_[0-9A-Za-z]{10,247}",
    f"AIza{_W}{{35}}",
    f"GOCSPX-{_W}{{20,40}}",
    f"ya29\\.{_W}{{20,250}}",
    f"sk-{_W}{{20,200}}",
    f"SG\\.{_W}{{16,32}}\\.{_W}{{16,64}}",
    "npm_[0-9A-Za-z]{36}",
    f"pypi-{_W}{{50,250}}",
    "hf_[0-9A-Za-z]{30,40}",
    "do[oprt]_v1_[0-9a-f]{64}",
    "shp(?:at|ca|pa|ss)_[0-9A-Fa-f]{32}",
    "(?:AC|SK)[0-9a-f]{32}",
    f"[0-9]{{8,10}}:AA{_W}{{33}}",
)
_WORDS: Final = (
    "api[ _-]?key|api[ _-]?token|access[ _-]?key|access[ _-]?token|secret[ _-]?key|secret[ _-]?access[ _-]?key|"
    "client[ _-]?secret|auth[ _-]?token|bearer|private[ _-]?token|api[ _-]?secret"
)

CANDIDATE: Final = (
    rb"[^0-9A-Za-z_](?:A(?:KIA|SIA)[0-9A-Z]{16}|gh[opsur]_[0-9A-Za-z]{9}|github_pat_|glpat-|xox[abeoprs]-|"
    rb"[prs]k_(?:live|test)_|AIza[0-9A-Za-z_-]{9}|GOCSPX-|ya29\.|sk-[0-9A-Za-z_-]{16}|SG\.[0-9A-Za-z_-]{16}|"
    rb"npm_[0-9A-Za-z]{9}|pypi-[0-9A-Za-z_-]{16}|hf_[0-9A-Za-z]{9}|do[oprt]_v1_|shp(?:at|ca|pa|ss)_|"
    rb"(?:AC|SK)[0-9a-f]{32}|[0-9]{8,10}:AA)",
    candidate(_WORDS),
)
EXACT: Final = (
    re.compile(f"(?<![0-9A-Za-z_])(?:{'|'.join(_FORMS)})(?![0-9A-Za-z_])"),
    told(_WORDS, "[0-9A-Za-z][0-9A-Za-z_+/.=-]{14,250}[0-9A-Za-z]", before=8),
)
FIELD_NAMES: Final = (
    "api_key",
    "apikey",
    "api_token",
    "access_key",
    "access_token",
    "refresh_token",
    "secret_key",
    "secret_access_key",
    "client_secret",
    "auth_token",
    "bearer_token",
    "private_token",
)
FIELD_VALUE: Final = re.compile(r"\s*(?!hash:)[^\s*\[\]\x00-\x1f]{8,1000}\s*")

_LEAST_DIFFERENT: Final = 6


def validate(text: str) -> bool:
    """Whether `text` is drawn by chance, as far as can be seen: not always the same."""
    return len(set(text)) >= _LEAST_DIFFERENT


def plausible(text: str) -> bool:
    """Whether `text` is drawn by chance and of letters and digits, as words are not."""
    return validate(text) and any(c.isdigit() for c in text) and any(c.isalpha() for c in text)


EXAMPLES: Final = {
    "positive": (
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
        "xoxb-263594206564-2343594206574-FGqddMF8t08v8N7Oq4i57vs1",
        "AIzaSyDaGmWKa4JsXZ-HjGw7ISLn_3namBGewQe",
        "sk-proj-a1B2c3D4e5F6g7H8i9J0k1L2",
        "api_key: 9f8e7d6c5b4a39281706",
        "api key = a1b2c3d4e5f60718",
        "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",
    ),
    "negative": (
        "AKIAIOSFODNN7EXAMPL",
        "aghp_16C7e42F292c6912E7710c838347Ae178B4a",
        "the api key is missing",
        "api key: aaaaaaaaaaaaaaaaaaaa",
        "3f786850e387550fdab836ed7e6dc881de23001b",
        "sk-learn",
        "ghp_short",
    ),
}
