"""Heartbeats: events whose absence fires an alert."""
