"""The schedule in virtual time."""
