"""Every environment variable that the product reads: `docs/ENVIRONMENT.md` is made from this table.

The code reads a variable by its name, where it needs it. A test finds each name there and compares it with this table,
in both directions, so that nothing is read that is not listed and nothing is listed that is not read.
"""

from typing import Final, NamedTuple


class Variable(NamedTuple):
    """What a variable is for.

    Attributes
    ----------
    text : str
        One line, Markdown.
    default : str
        What holds where it is not set, in words; empty where nothing does.
    secret : bool
        Its value must not appear in files that are shared, or on command lines.
    """

    text: str
    default: str = ""
    secret: bool = False


GROUPS: Final[dict[str, dict[str, Variable]]] = {
    "Kafka": {
        "KAFKA_BOOTSTRAP_SERVERS": Variable(
            "The brokers, `host:port`, several separated by commas.", "a broker on this machine, started if need be"
        ),
        "KAFKA_SECURITY_PROTOCOL": Variable("`PLAINTEXT`, `SSL`, `SASL_PLAINTEXT` or `SASL_SSL`.", "`PLAINTEXT`"),
        "KAFKA_SASL_MECHANISM": Variable("`PLAIN`, `SCRAM-SHA-256`, `SCRAM-SHA-512` or `OAUTHBEARER`.", "`PLAIN`"),
        "KAFKA_SASL_USERNAME": Variable("The user, for every mechanism but OAUTHBEARER."),
        "KAFKA_SASL_PASSWORD": Variable("The user's password.", secret=True),
        "KAFKA_SASL_PASSWORD_FILE": Variable("A file that holds the password instead."),
        "KAFKA_SASL_OAUTH_TOKEN": Variable("The token for OAUTHBEARER.", secret=True),
        "KAFKA_SASL_OAUTH_TOKEN_FILE": Variable("A file that holds the token; read anew at each authentication."),
        "KAFKA_SSL_CAFILE": Variable("PEM file of the authorities to trust.", "the system's"),
        "KAFKA_SSL_CERTFILE": Variable("PEM file of the client's certificate, for mutual TLS."),
        "KAFKA_SSL_KEYFILE": Variable("PEM file of the client's key."),
        "KAFKA_SSL_PASSWORD": Variable("The password of the client's key.", secret=True),
    },
    "Services": {
        "SCHEMA_REGISTRY_URL": Variable(
            "The schema registry (Confluent's REST API), for Avro topics and for `tag` with `registry: true`.",
            "`http://localhost:8081`",
        ),
        "SCHEMA_REGISTRY_USER_INFO": Variable("`user:password` for its basic authentication.", secret=True),
        "GRAPH_API_URL": Variable("The graph API that the sink `graph` writes to.", "`http://localhost:4000`"),
        "PROV_LEDGER_URL": Variable(
            "The provenance ledger that the sink `ledger` writes to.", "`http://localhost:4010`"
        ),
        "LICENSE_REGISTRY_URL": Variable(
            "The license registry that the stage `license` asks; with `registry: auto` it is asked where this is set.",
            "`http://localhost:4030`, with `registry: required`",
        ),
        "LICENSE_REGISTRY_PUBLIC_KEY": Variable(
            "Ed25519 public key, PEM or base64: answers of the license registry count only where it signed them.",
            "answers are not verified",
        ),
        "LICENSE_REGISTRY_PUBLIC_KEY_FILE": Variable("A file that holds that key instead."),
        "LICENSE_REGISTRY_SIGNING_KEY_FILE": Variable(
            "PEM file of the Ed25519 key that the reference license registry signs with; made if it is not there.",
            "it signs nothing",
        ),
        "AI_ENGINE_URL": Variable(
            "The AI engine that the stages `ocr` and `stt` ask, where their options name none.",
            "`http://localhost:8000`",
        ),
        "AI_ENGINE_WHISPER": Variable(
            "Folder of a model of faster-whisper, which the reference AI engine writes down speech with.",
            "pocketsphinx and its English model",
        ),
        "AUTHORITY_ID": Variable("Who asks the license registry: the header `X-Authority-ID`.", "`etl-assistant`"),
        "PENSTOCK_API_TOKEN": Variable(
            "Bearer token, of clients and of the reference services alike. A service without one lets everybody in.",
            secret=True,
        ),
        "PENSTOCK_API_URL": Variable(
            "The REST API that `penstock wizard --save` saves configurations in.", "`http://localhost:8000`"
        ),
        "PENSTOCK_API_TOKENS_FILE": Variable(
            "Who may call `penstock api`: a YAML file of SHA-256 of a token -> `{tenant: …}`, `*` for all tenants.",
            "`PENSTOCK_API_TOKEN` alone, for all tenants",
        ),
        "REDIS_URL": Variable(
            "A Redis that workers share what the license registry said in: `redis://:password@host:6379/0`, `rediss://…`"
            " or `unix://…`. Whoever may write to it decides with the registry.",
            "each worker keeps its own",
            secret=True,
        ),
        "DATABASE_URL": Variable(
            "Where a reference service keeps its data, and the vault where VAULT_URL is not set: `postgresql://…` or"
            " `sqlite:///…`.",
            "SQLite files in the data folder",
            secret=True,
        ),
    },
    "Secrets and data of stages": {
        "PENSTOCK_KEYS_FILE": Variable(
            "A file with the keys of redaction, the current one and older ones; see [KEYS](KEYS.md). The same on all"
            " workers."
        ),
        "PENSTOCK_HASH_KEY": Variable(
            "One key of redaction, 16 bytes or more (`openssl rand -hex 32`), for `hash`, `tokenize`, `encrypt` and"
            " `pseudonymise`. The same on all workers. An older key where PENSTOCK_KEYS_FILE is set.",
            secret=True,
        ),
        "PENSTOCK_HASH_KEY_FILE": Variable("A file that holds that key instead."),
        "VAULT_URL": Variable(
            "The vault with the keys of `tokenize` and `encrypt`: `postgresql://…`, or `sqlite:///…` where all workers"
            " are on one machine.",
            "that of DATABASE_URL, else a file in the data folder",
            secret=True,
        ),
        "PENSTOCK_SIGNING_KEY_FILE": Variable(
            "PEM file of the Ed25519 key that signs batches of the ledger.", "`keys/ledger.pem` in the data folder"
        ),
        "GEOIP_DATABASE": Variable("MaxMind DB file (`.mmdb`) for the stage `geoip`, where its option names none."),
        "AF_FAKE_RDNS": Variable("`true`: the stage `rdns` makes names up instead of asking for them.", "`false`"),
        "AF_ENV": Variable("Environment in the metadata of records, where the pipeline file has no `env`.", "`dev`"),
    },
    "This machine": {
        "PENSTOCK_HOME": Variable(
            "The data folder: workers' state, claims, the embedded broker and its topics, services' files.",
            "`penstock` in the user's folder for data",
        ),
        "XDG_DATA_HOME": Variable("On Linux, the user's folder for data.", "`~/.local/share`"),
        "LOCALAPPDATA": Variable("On Windows, the user's folder for data.", r"`~\AppData\Local`"),
        "LOG_FORMAT": Variable("`json` or `text`.", "`text` on a terminal, else `json`"),
        "METRICS_HOST": Variable(
            "Address that a worker's `/metrics` listens on; `0.0.0.0` where others must reach it.", "`127.0.0.1`"
        ),
        "METRICS_PORT": Variable(
            "Port of a worker's `/metrics`, `/health` and `/ready`.", "the file's, else a free one"
        ),
        "PENSTOCK_TRACEBACK": Variable(
            "`1` shows the whole trace of an unexpected error, which may hold values of records."
        ),
        "PENSTOCK_BROKER_HEAP": Variable("Largest heap of the embedded broker, such as `2g`.", "`768m`"),
        "PENSTOCK_MAVEN_URL": Variable(
            "Maven repository that the embedded broker's files are taken from, once.",
            "Maven Central",
        ),
    },
    "The bundled pipeline": {
        "DEMO_NAME": Variable("Its name and tenant.", "`demo` and `acme`"),
        "DEMO_DATA": Variable("Folder of the files that its sources read; `penstock demo` makes them and sets it."),
    },
}

VARIABLES: Final[dict[str, Variable]] = {name: each for group in GROUPS.values() for name, each in group.items()}
