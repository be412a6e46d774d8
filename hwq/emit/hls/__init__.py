"""HLS C++ of a plan: one kernel for each module of its netlist, the same parameters, the same memory words."""
