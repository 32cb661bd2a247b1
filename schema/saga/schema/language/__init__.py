"""The language as written: the models of a file, and the JSON Schema made from them."""
