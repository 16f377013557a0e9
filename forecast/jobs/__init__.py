"""What the commands do, from settings to files and one run: forecast, train, promote, tune, back-test."""
