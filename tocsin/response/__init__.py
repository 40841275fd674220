"""What do people and machines ask of us? One verb a file; every surface ends here."""
