"""penstock, the six stages fused into one agent."""

from _penstock import main

if __name__ == "__main__":
    main("fused")
