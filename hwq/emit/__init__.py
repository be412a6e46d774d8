"""From a plan to a folder: hardware, memories, testbench, vectors, scripts."""
