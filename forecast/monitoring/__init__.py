"""How published forecasts did: scores against what came since, alarms, drift of inputs."""
