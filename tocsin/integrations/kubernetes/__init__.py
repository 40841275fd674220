"""What do events of Kubernetes say?"""
