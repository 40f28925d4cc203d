"""What every process needs: settings, tasks, retrying, telemetry."""
