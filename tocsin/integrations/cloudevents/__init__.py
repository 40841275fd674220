"""What do CloudEvents say?"""
