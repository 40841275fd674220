"""What does Better Stack send?"""
