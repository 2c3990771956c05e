"""keys: see which keys redaction works with, and wrap the vault's data keys with the current one.

`docs/KEYS.md` says how keys are rotated. No command prints a key.
"""

from typing import Annotated

import typer

from penstock.cli._shared import JsonFlag, environment, group, print_json, print_table

app = group(help="See which keys redaction works with, and wrap the vault's data keys with the current one.")

KeyVariable = Annotated[
    str, typer.Option("--key-env", metavar="NAME", help="The variable that holds the key, as the option of redact.")
]


@app.command()
def show(key_env: KeyVariable = "PENSTOCK_HASH_KEY", as_json: JsonFlag = False) -> None:
    """Print the ids of the keys, the current one first.

    \b
    penstock keys show
    """
    from penstock.model import keyring

    keys = keyring.load(environment(), key_env).keys
    if as_json:
        print_json({"current": keys[0].id, "older": [key.id for key in keys[1:]]})
    else:
        print_table(("key", ""), [(key.id, "older" if place else "current") for place, key in enumerate(keys)])


@app.command()
def rewrap(key_env: KeyVariable = "PENSTOCK_HASH_KEY", as_json: JsonFlag = False) -> None:
    """Wrap every data key of the vault with the current key. What was sealed stays as it is; workers may run meanwhile.

    \b
    penstock keys rewrap
    """
    from penstock.model import keyring
    from penstock.stores.vault import Vault, vault_url

    environ = environment()
    keys = keyring.load(environ, key_env)
    vault = Vault(vault_url(environ), keys)
    count = vault.rewrap()
    if as_json:
        print_json({"vault": vault.address, "current": keys.current.id, "rewrapped": count})
    else:
        print(f"{count:,} data keys in {vault.address} wrapped with {keys.current.id}")
