"""The systems under test: one adapter each, run as ``python -m benchmarks.systems.NAME ORDER`` in its environment."""
