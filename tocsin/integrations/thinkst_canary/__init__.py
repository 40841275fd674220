"""What does a Thinkst Canary send?"""
