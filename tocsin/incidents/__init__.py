"""What is the organisation responding to, and how far is it?"""
