"""Our benchmarks, agent, models and verdicts inside of Inspect (`inspect_ai`), by its entry point.

What always holds: nothing here decides anything by itself: tasks are those of `eval`, the loop that of
`agent`, verdicts those of `grading`, numbers those of `analysis`. Only Inspect imports the modules that need
it, so the rest of the package works without.
"""
