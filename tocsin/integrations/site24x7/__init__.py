"""What does Site24x7 send?"""
