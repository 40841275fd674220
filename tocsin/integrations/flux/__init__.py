"""What does Flux's notification controller send?"""
