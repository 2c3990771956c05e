"""Pictures and recordings: the child processes they are taken apart in, one module a format, and the AI engine."""
