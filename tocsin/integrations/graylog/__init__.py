"""What does Graylog send?"""
