"""What does Honeybadger send?"""
