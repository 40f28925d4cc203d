"""Figures: `make bench`. On loopback, bounded, never asserted on."""
