"""CloudWatch where stock stops short of what the template's alarms and the operators' queries need.

installation.py      replaces ministack's functions
embedded_metrics.py  metrics in log lines (the embedded metric format)
alarms.py            an alarm reads the metric with its own dimensions
json_patterns.py     log filters in braces
"""
