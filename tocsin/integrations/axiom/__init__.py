"""What do Axiom's monitors send?"""
