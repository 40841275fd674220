"""What does GitLab send?"""
