"""Which versions of the written procedure does the organisation have?"""
