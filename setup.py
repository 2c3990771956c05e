"""The packages of the namespace `penstock`: its subpackages are the folders at the root of this repository."""

from setuptools import find_namespace_packages, setup

ROOTS = ("model", "codecs", "topology", "agents", "connectors", "stores", "broker", "services", "api", "cli")
FOUND = [
    p
    for p in find_namespace_packages(".", include=[*ROOTS, *(f"{root}.*" for root in ROOTS)])
    if "__pycache__" not in p
]

setup(
    version="0.1.0",
    packages=[f"penstock.{name}" for name in FOUND],
    package_dir={f"penstock.{name}": name.replace(".", "/") for name in FOUND},
    package_data={"": ["*.yml", "*.json", "*.csv", "*.flac", "*.md", "*.html", "py.typed"]},
)
