"""What does Grafana's alerting before version 8 send to a webhook?"""
