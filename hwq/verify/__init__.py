"""Proof that the generated hardware equals the simulator: tools, simulations and the check itself."""
