"""The hot verbs as data: from this table come their fast parser and their click commands, so the two cannot differ."""

from __future__ import annotations

from longpole.value import Value


class Option(Value):
    """One option of a verb. `kind`: text, whole, number, flag (takes no value), or texts (may be given again)."""

    name: str
    flag: str
    help: str
    kind: str = "text"
    required: bool = False
    default: object = None


class Verb(Value):
    """One verb: what it is for, its positional words, its options."""

    name: str
    help: str
    arguments: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()


DB = Option(name="db", flag="--db", help="the database: a path or a URL (default: LONGPOLE_DB, or found upward)")
PROJECT = Option(name="project", flag="--project", help="the project in the database (default: LONGPOLE_PROJECT)")
JSON = Option(name="json", flag="--json", kind="flag", help="print one JSON document", default=False)
QUIET = Option(name="quiet", flag="--quiet", kind="flag", help="print nothing but errors", default=False)
GLOBAL = (DB, PROJECT, JSON, QUIET)

AS = Option(name="instance", flag="--as", help="the instance that acts (default: LONGPOLE_INSTANCE)")
TOKEN = Option(name="token", flag="--token", kind="whole", required=True, help="the token of the claim")
KEY = Option(name="key", flag="--key", help="an idempotency key: a retry with it gets the same answer")
COUNT = Option(name="count", flag="--count", kind="whole", default=1, help="how many todos to claim at most")
STRATEGY = Option(name="strategy", flag="--strategy", help="the strategy for this call (default: the project's)")
COORDINATION = Option(
    name="coordination", flag="--coordination", help="the mechanism for this call (default: the project's)"
)
OFFERS = Option(
    name="offers",
    flag="--offers",
    kind="texts",
    default=(),
    help='what the instance can do that todos need (may be given again; "" takes all away; default: LONGPOLE_OFFERS)',
)

VERBS: dict[str, Verb] = {
    verb.name: verb
    for verb in (
        Verb(
            name="next",
            help="Claim the next todo. Exit 3: no work now; 5: the project is finished.",
            options=(
                AS,
                OFFERS,
                COUNT,
                Option(name="wait", flag="--wait", kind="number", default=0.0, help="seconds to wait for work"),
                STRATEGY,
                COORDINATION,
                KEY,
            ),
        ),
        Verb(name="claim", help="Claim one certain todo.", arguments=("id",), options=(AS, OFFERS, KEY)),
        Verb(
            name="done",
            help="Complete a claim; with --next claim another in the same transaction.",
            arguments=("id",),
            options=(
                AS,
                TOKEN.replace(required=False),
                Option(name="result", flag="--result", help="what came of it"),
                Option(name="next", flag="--next", kind="flag", default=False, help="claim the next todo as well"),
                Option(
                    name="force", flag="--force", kind="flag", default=False, help="note a todo done outside, by hand"
                ),
                COUNT,
                STRATEGY,
                COORDINATION,
                KEY,
            ),
        ),
        Verb(
            name="fail",
            help="Give a claim up for a reason; the todo is tried again until its attempts are used up.",
            arguments=("id",),
            options=(AS, TOKEN, Option(name="reason", flag="--reason", required=True, help="why it failed"), KEY),
        ),
        Verb(
            name="release",
            help="Give a claim back unfinished, without a mark against it.",
            arguments=("id",),
            options=(AS, TOKEN, KEY),
        ),
        Verb(
            name="progress",
            help="Note how far a claim is.",
            arguments=("id",),
            options=(
                AS,
                TOKEN,
                Option(name="percent", flag="--percent", kind="whole", required=True, help="0 to 100"),
                Option(name="note", flag="--note", help="a word for whoever reads the journal"),
            ),
        ),
        Verb(name="heartbeat", help="Renew an instance's lease.", options=(AS,)),
    )
}
