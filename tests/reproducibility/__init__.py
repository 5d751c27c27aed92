"""The same bits: over threads, processes, ways to start them, runs, and for each instruction set."""
