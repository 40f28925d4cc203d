"""What every process needs: settings, structured concurrency, retries and telemetry."""
