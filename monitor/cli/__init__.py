"""The command line: one module per group of commands; composes the parts of a process. Nobody imports this room."""
