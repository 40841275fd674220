"""What does a webhook contact point of Grafana 8 and newer send?"""
