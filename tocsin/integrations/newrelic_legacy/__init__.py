"""What do New Relic's older notification channels send?"""
