"""What does the outside get? Tocsin's own REST API: routers without logic."""
