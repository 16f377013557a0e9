"""Documented incidents in, a dense monthly panel out."""
