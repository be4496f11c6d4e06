"""What the reports of the long programmes say together: `make scorecard`.

rows.toml   the rows: what is asked, how much it weighs, which figures of which report answer it
"""
