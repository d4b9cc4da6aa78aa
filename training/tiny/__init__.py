"""Trains the small Hunyuan3D-architecture checkpoint of ORFEAS on procedural shapes."""
