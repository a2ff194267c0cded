"""Plausibility checks: does an input look like abdominal CT, and is the result plausible? (pure)"""
