"""What is sent in the formatted webhook of Grafana OnCall?"""
