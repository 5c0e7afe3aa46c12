"""Everything that runs on the far side of the jail wall.

Why this is a package of its own: the fork server must not import `deepeyes` (it would drag the project's
folder into the jail), so these modules use the standard library and each other only, by relative import.
The supervisor starts them as a top-level package named `jailed` in a fresh interpreter with an emptied
environment.

From the outside in: `zygote` (entry point) -> `jail` (one namespace set and read-only root for the whole
zygote) -> `namespace_server` (one set of namespaces per session) -> `harden` (limits, capabilities,
Landlock, seccomp) -> `worker` (a checkpoint per cell) -> `cell` (runs the model's code).

What always holds: nothing here is trusted by the supervisor once a session's code has run.
"""
