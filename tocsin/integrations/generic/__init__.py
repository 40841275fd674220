"""What does JSON of a form nobody announced say?"""
