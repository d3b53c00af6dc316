"""Demand: who needs a place, when: projection, tiers and cohorts."""
