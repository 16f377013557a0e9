"""The unattended job: preflight, fallback models, plausibility, publication, notification."""
