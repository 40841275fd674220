"""What does Papertrail send?"""
