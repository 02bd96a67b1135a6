"""What the system costs: `python -m bench` runs the local stack on known clips and writes bench/results/*.json.

Seconds belong to the machine that is written beside them; compare ratios measured in one run.
"""
