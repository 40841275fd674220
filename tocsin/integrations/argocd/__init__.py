"""What do Argo CD's notifications send?"""
