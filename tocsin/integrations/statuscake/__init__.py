"""What does StatusCake send?"""
