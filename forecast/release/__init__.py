"""The release: a dated folder that is complete or absent; written, read, verified, compared, withdrawn."""
