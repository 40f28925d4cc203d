"""What Lambda functions need beyond other processes: warm clients, URL events, telemetry."""
