"""What do monitors report, about which service?"""
