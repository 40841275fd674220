"""What do Jira's webhooks send?"""
