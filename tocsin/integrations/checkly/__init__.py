"""What does Checkly send?"""
