"""The process: runs the server, bounds connections, drains on shutdown, answers health probes."""
