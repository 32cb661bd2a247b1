"""YAML as text: from characters to a tree that knows its places, with YAML's traps closed (language.md 17)."""
