"""The commands of README.md and the how-to pages, run as they stand on a fresh laptop AWS.

blocks.py     the fenced blocks of a page, and what their info strings say
shell.py      one bash for all pages, as a reader has it
promises.py   what a page says is printed, beside what was printed
__main__.py   every block in order; a table and reports/walkthrough.json
"""
