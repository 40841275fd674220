"""What does Sentry send?"""
