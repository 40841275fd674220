"""What does Rollbar send?"""
