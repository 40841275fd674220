"""Pages by Matrix."""
