"""Webhooks of saga files: who signed a request, what it means to a run, and the answer its sender gets."""
