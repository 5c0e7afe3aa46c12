"""HTTP servers: the sandbox and the searches, for trainers and rollouts on other machines."""
