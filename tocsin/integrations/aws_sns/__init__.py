"""What do subscriptions of Amazon SNS send?"""
