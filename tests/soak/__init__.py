"""Hours of mixed random work: results are checked all the way, and nothing may be left behind.

python -m tests.soak --minutes 60
"""
