"""The 2.0-family architecture, module and parameter names as in the official checkpoints."""
