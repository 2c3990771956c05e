"""penstock, the six stages each an agent of its own, chained through topics."""

from _penstock import main

if __name__ == "__main__":
    main("topics")
