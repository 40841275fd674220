"""What should have been heard by now, and was not?"""
