"""Measuring an agent: runs that resume, and reports of numbers with their intervals."""
