"""What is done to aiokafka and Faust, and why: one module a change, each naming the seam it is made at.

Both are pinned exactly for these. A module says what goes wrong without it; one that a new version makes superfluous
goes.
"""
