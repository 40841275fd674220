"""What do we decide? Plain Python over values and `now`: no clock, no I/O, nothing but the standard library."""
