"""What do people see in the browser? Pages, no decisions."""
