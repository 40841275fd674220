"""What was learned, and what was promised?"""
