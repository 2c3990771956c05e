"""Search the protocol from the command line, and print what was found.

python tests/protocol/explore.py                 every scope of the tests
python tests/protocol/explore.py --deeper chain  one scope with more of everything
python tests/protocol/explore.py --bug no-trim   the shortest way to see a planted bug
python tests/protocol/explore.py --bugs          all of them, a line each
"""

import argparse

from hop_protocol.bounds import Bug
from hop_protocol.machine import Machine
from hop_protocol.scopes import DEEPER, HASTY, PLANTED, SCOPES
from hop_protocol.search import Search


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scopes", nargs="*", metavar="scope", help=f"of {', '.join(SCOPES)}; all if none is named")
    parser.add_argument("--deeper", action="store_true", help="minutes and gigabytes")
    parser.add_argument("--hasty", action="store_true", help="show what the protocol does not promise to bear")
    parser.add_argument("--bugs", action="store_true", help="find every planted bug")
    parser.add_argument("--bug", choices=[bug.slug for bug in Bug], help="find one, and print how it comes about")
    chosen = parser.parse_args()
    if chosen.bug:
        bug = next(bug for bug in Bug if bug.slug == chosen.bug)
        print(bug.value, Search(Machine(SCOPES[PLANTED[bug]], bug)).run(), sep="\n")
    elif chosen.bugs:
        for bug in Bug:
            found = Search(Machine(SCOPES[PLANTED[bug]], bug)).run()
            print(f"| `{bug.slug}` | {bug.value} | {PLANTED[bug]} | {found.length} | {found.wrong} |", flush=True)
    else:
        known = HASTY if chosen.hasty else DEEPER if chosen.deeper else SCOPES
        for name in chosen.scopes or known:
            print(f"{name}: {Search(Machine(known[name])).run()}", flush=True)


if __name__ == "__main__":
    main()
