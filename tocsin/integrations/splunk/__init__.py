"""What does Splunk send?"""
