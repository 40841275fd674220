"""What does Google Cloud Monitoring send?"""
