"""Every parser on bodies that nobody meant to send: bounded in the suite, for as long as you like behind a command."""
