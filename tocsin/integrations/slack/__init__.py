"""What is sent in Slack's own form?"""
