"""Which browser on which system says that of itself? In two words for people; nothing is decided by it."""

from __future__ import annotations

# The first that is found counts: most browsers also name those that they want to be taken for.
_BROWSERS = (
    ("Edg", "Edge"), ("OPR/", "Opera"), ("Vivaldi/", "Vivaldi"), ("SamsungBrowser/", "Samsung Internet"), ("FxiOS/", "Firefox"), ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"), ("Chromium/", "Chromium"), ("Chrome/", "Chrome"), ("Safari/", "Safari"),
)  # fmt: skip
_SYSTEMS = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("CrOS", "ChromeOS"), ("Macintosh", "macOS"), ("Linux", "Linux"),
)  # fmt: skip


def in_words(agent: str) -> str:
    """ "Firefox on Linux" for what a browser sends as User-Agent; what is not known is not guessed."""
    browser = next((name for sign, name in _BROWSERS if sign in agent), "") if agent.startswith("Mozilla/") else ""
    system = next((name for sign, name in _SYSTEMS if sign in agent), "")
    if browser or system:
        return f"{browser or 'Another browser'} on {system or 'an unknown system'}"
    return "An unknown browser"
