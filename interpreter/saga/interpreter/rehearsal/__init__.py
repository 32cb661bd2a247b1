"""Rehearsals: runs of a saga in virtual time, with actions that answer as planned. `saga test` plays them.

The engine, the machine and the store's rules are the real ones; only the clock and, where wanted, the actions are not.
`virtual`, `watched`, `answers` and `stage` play any run; `story` tells what came of it; `playing`, `judging` and the
rooms beside them know test files (`saga.schema.testfile`). This package must not know how results are printed.
"""
