"""Listeners that count: for Prometheus, and for OpenTelemetry. No request depends on any of them."""
