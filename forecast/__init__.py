"""What users touch: runs, releases, reports, the command line."""
