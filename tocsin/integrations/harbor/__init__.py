"""What does Harbor send?"""
