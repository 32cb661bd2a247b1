"""The benchmarks: saga, the raw limit of the database, and other durable execution systems, measured in one run.

`python -m benchmarks` runs them; README.md says what each workload is and what is fair.
"""
