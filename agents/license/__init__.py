"""Licenses: in the stream (the stage `license`), at the door (`license_check`), of joined records (`strictest`)."""

from penstock.agents.license._check import CheckRequest, license_check
from penstock.agents.license._strictest import strictest

__all__ = ["CheckRequest", "license_check", "strictest"]
