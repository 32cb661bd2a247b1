"""Actions: what runs do in the outside world, and the answers that come back.

This package must not know runs, journals, retries or time.
"""
