"""What has been checked, and what was found?"""
