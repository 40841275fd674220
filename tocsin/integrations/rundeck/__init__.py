"""What does Rundeck send?"""
