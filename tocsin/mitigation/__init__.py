"""What was tried to stop the harm?"""
