"""What processes that are forked for commands have imported: the collector leaves it alone, so that they share it."""

import gc

import app.cli.program
import app.main
import app.server.run  # noqa: F401  # as the ones above: to be there

gc.collect()
gc.freeze()
