"""What does Freshping send?"""
