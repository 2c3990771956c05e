"""A real Apache Kafka from Python packages alone: `embedded` starts, finds and stops it.

``home``      the user's data folder
``lock``      one process at a time
``jars``      Kafka's jars, downloaded once and checked against ``kafka.json``
``settings``  what the broker is told: its properties, its log, its Java options
``process``   starting it detached, knowing it again, ending it
``probe``     does it answer?
``diagnose``  its log as an error that a person can use
"""
