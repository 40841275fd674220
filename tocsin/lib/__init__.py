"""Which small tools does every part need? No word of the field in them."""
