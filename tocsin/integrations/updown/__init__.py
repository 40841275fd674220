"""What does updown.io send?"""
