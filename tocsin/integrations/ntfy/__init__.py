"""Pages by ntfy, from ntfy.sh or a server of one's own."""
