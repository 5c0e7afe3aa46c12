"""Questions made open-ended, and those left out whose answers cannot be checked."""
