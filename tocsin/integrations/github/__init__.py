"""What does GitHub send?"""
