"""What do New Relic's workflows send?"""
