"""What do Linear's webhooks send?"""
