"""What is promised until when, by whom, and what became of it?"""
