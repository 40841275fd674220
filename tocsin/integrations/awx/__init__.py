"""What does AWX send?"""
