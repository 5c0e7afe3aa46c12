"""The vocabulary every other room speaks: tasks, messages, images, traces, limits, errors, configuration.

Standard library, pydantic and pillow only; no network, no torch. Import the noun from its own file
(`from deepeyes.core.trace import Trace`): this package re-exports nothing, so importing it costs nothing.
"""
