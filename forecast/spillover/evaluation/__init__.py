"""Whether a spillover signal can be trusted: simulated worlds, placebos, hindcasts."""
