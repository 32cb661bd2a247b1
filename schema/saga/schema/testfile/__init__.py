"""Test files (``*.test.yaml``): what is written in them, how they are read, and what is wrong in them.

This package must not know how a test is played. The format is argued in docs/decisions/0012-test-files.md.
"""
