"""What do clients of VictorOps send to its REST endpoint?"""
