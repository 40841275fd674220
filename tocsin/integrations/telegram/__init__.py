"""Telegram: a bot of the organisation's that pages people and takes their answers."""
